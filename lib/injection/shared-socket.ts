import { constants } from 'node:os';
import { isRawSystemError } from '../errors.ts';
import { type InterfaceRef, resolveInterface } from '../link/interface.ts';
import type { PacketSocket } from '../native.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { openPacketSocket } from './packet-socket.ts';

/** After one to two times this long without a frame, the socket is closed. */
const IDLE_MS = 1000;

/** A packet socket that closes itself when it is idle. Does not keep the process alive. */
export class SharedSocket {
  /** Memory to write a frame in before `send`, which copies what it does not send at once. */
  readonly buffer: FrameBuffer = new FrameBuffer();

  readonly #socket: PacketSocket = openPacketSocket();
  readonly #timer: NodeJS.Timeout;
  readonly #onClose: () => void;
  /** What the socket is bound to. */
  #target: InterfaceRef | undefined;
  #used = true;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(onClose: () => void) {
    this.#onClose = onClose;
    this.#timer = setInterval(() => this.#closeWhenIdle(), IDLE_MS).unref();
  }

  /**
   * Sends a frame, after those that wait for room in the send buffer: then it gives a promise.
   * Failures are RawSystemErrors, or the ArgumentError for what is no interface here.
   */
  send(target: InterfaceRef, bytes: Uint8Array, length: number): Promise<void> | undefined {
    this.#used = true;
    if (this.#waiting === 0 && this.#sendNow(target, bytes, length)) return undefined;
    return this.#sendInTurn(target, new Uint8Array(bytes.subarray(0, length)));
  }

  /** False: the send buffer is full. */
  #sendNow(target: InterfaceRef, bytes: Uint8Array, length: number): boolean {
    try {
      if (target === this.#target && this.#socket.sendIfUnchanged(bytes, length)) return true;
      this.#socket.bind(resolveInterface(target, 'target'));
      this.#target = target;
      this.#socket.send(bytes, length);
      return true;
    } catch (error) {
      if (isRawSystemError(error) && error.errno === constants.errno.EAGAIN) return false;
      throw error;
    }
  }

  async #sendInTurn(target: InterfaceRef, frame: Uint8Array): Promise<void> {
    this.#waiting += 1;
    const mine = this.#last.then(() => this.#sendPatiently(target, frame));
    this.#last = mine.catch(() => {});
    try {
      await mine;
    } finally {
      this.#waiting -= 1;
      this.#used = true;
    }
  }

  async #sendPatiently(target: InterfaceRef, frame: Uint8Array): Promise<void> {
    while (!this.#sendNow(target, frame, frame.length)) {
      await new Promise<void>((resolve) => this.#socket.onceWritable(resolve));
    }
  }

  #closeWhenIdle(): void {
    const busy = this.#used || this.#waiting > 0;
    this.#used = false;
    if (busy) return;
    clearInterval(this.#timer);
    this.#socket.close();
    this.#onClose();
  }
}
