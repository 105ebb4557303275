import { invalidArgument, isRawSystemError } from '../errors.ts';
import { type LiveReceiver, native } from '../native.ts';
import { engineFailed, LIVE_LONGEST } from './engine.ts';

/** Frames in one turn of the loop: each takes some 20 us. */
const TURN_FRAMES = 64;

/** What an injector needs of a socket, by frames that an interface receives. Throws RawSystemError, and ArgumentError for a frame too long. */
export class ReceiveSocket {
  readonly #receiver: LiveReceiver;

  /** SystemCallError where the kernel cannot, or this process may not. */
  constructor(ifindex: number, target: string | number, networkNamespace: string | undefined) {
    const { LiveReceiver } = native();
    try {
      this.#receiver = new LiveReceiver(ifindex, networkNamespace);
    } catch (error) {
      throw isRawSystemError(error) ? engineFailed(error, 'live-frames', target, 1) : error;
    }
  }

  send(frame: Uint8Array, length: number = frame.length): void {
    if (length > LIVE_LONGEST) {
      const mend = `It has ${length} bytes, and a live frame has no room for more.`;
      throw invalidArgument('frame', `at most ${LIVE_LONGEST} bytes`, frame, mend);
    }
    this.#receiver.receive(frame.subarray(0, length));
  }

  /** As that of PacketSocket. */
  sendAll(packed: Uint8Array, offset: number, lengths: Uint32Array, first: number): number {
    const end = Math.min(lengths.length, first + TURN_FRAMES);
    let at = offset;
    for (let i = first; i < end; i += 1) {
      const length = lengths[i] ?? 0;
      try {
        this.send(packed.subarray(at, at + length));
      } catch (error) {
        if (i === first) throw error;
        return i - first;
      }
      at += length;
    }
    return end - first;
  }

  /** There is always room. */
  onceWritable(callback: () => void): void {
    setImmediate(callback);
  }

  close(): void {
    this.#receiver.close();
  }
}
