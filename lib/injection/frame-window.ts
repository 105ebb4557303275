import type { EthernetFrame } from '../ethernet/frame.ts';
import { FrameBuffer } from './frame-buffer.ts';

/** Frames that one sendmmsg(2) takes: PacketSocket::kWindow in native/kernel/packet_socket.h. */
const MOST_FRAMES = 256;

/** With so many bytes a window is full, too: they still fit into a processor's cache. */
const MOST_BYTES = 512 * 1024;

/** Frames that lie end to end, to be handed to the kernel at once, and how far that has got. */
export class FrameWindow {
  /** Frames that were sent, of all windows. */
  sent = 0;
  /** The first frame of this window that was not sent yet. */
  first = 0;
  /** Where that one begins in `packed`. */
  offset = 0;

  readonly #buffer = new FrameBuffer();
  readonly #lengths = new Uint32Array(MOST_FRAMES);
  readonly #readOwnAddress: () => Uint8Array;
  #ownAddress: Uint8Array | undefined;
  #count = 0;
  #size = 0;

  /** `readOwnAddress` gives the interface's MAC address; it is asked once a window at most. */
  constructor(readOwnAddress: () => Uint8Array) {
    this.#readOwnAddress = readOwnAddress;
  }

  /** The bytes of this window's frames. */
  get packed(): Uint8Array {
    return this.#buffer.bytes;
  }

  /** The lengths of this window's frames. */
  get lengths(): Uint32Array {
    return this.#lengths.subarray(0, this.#count);
  }

  /** Whether all frames of this window were sent. */
  get done(): boolean {
    return this.first === this.#count;
  }

  /** The length of frame `first`. */
  get nextLength(): number {
    return this.#lengths[this.first] ?? 0;
  }

  /**
   * Fills this window again and again, and yields each time it is to be sent. When a frame cannot be
   * encoded, or `frames` throws, those before it are to be sent first: all is as if they were sent
   * one by one.
   */
  *fill(frames: Iterable<EthernetFrame | Uint8Array>): Generator<void> {
    try {
      for (const frame of frames) {
        this.#add(frame);
        if (this.#count < MOST_FRAMES && this.#size < MOST_BYTES) continue;
        yield;
        this.#clear();
      }
    } catch (error) {
      yield;
      throw error;
    }
    yield;
  }

  /** The kernel has taken this many more. */
  advance(taken: number): void {
    for (let i = 0; i < taken; i += 1) {
      this.offset += this.nextLength;
      this.first += 1;
    }
    this.sent += taken;
  }

  #add(frame: EthernetFrame | Uint8Array): void {
    const length = this.#buffer.write(frame, this.#size, this.#address);
    this.#lengths[this.#count] = length;
    this.#count += 1;
    this.#size += length;
  }

  #clear(): void {
    this.first = 0;
    this.offset = 0;
    this.#count = 0;
    this.#size = 0;
    this.#ownAddress = undefined;
  }

  readonly #address = (): Uint8Array => {
    this.#ownAddress ??= this.#readOwnAddress();
    return this.#ownAddress;
  };
}
