import { isUint8Array } from 'node:util/types';
import { checkFrameBytes, type EthernetFrame, encodeFrame } from '../ethernet/frame.ts';

/** Room for a frame of the usual MTU. */
const FIRST_BYTES = 2048;

/** Memory to write frames in, again and again. It grows to what the longest of them needed. */
export class FrameBuffer {
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES);

  /**
   * Writes a frame at `bytes[offset]` and returns its length; bytes are copied as they are. What
   * stands before it is kept. `ownAddress` as in `encodeFrame`.
   */
  write(frame: EthernetFrame | Uint8Array, offset: number, ownAddress: () => Uint8Array): number {
    if (isUint8Array(frame)) {
      checkFrameBytes(frame);
      this.#reserve(offset + frame.length);
      this.bytes.set(frame, offset);
      return frame.length;
    }
    const length = encodeFrame(frame, this.bytes, offset, ownAddress);
    if (!this.#reserve(offset + length)) return length;
    return encodeFrame(frame, this.bytes, offset, ownAddress);
  }

  /** True: there was too little room, and now there is enough. */
  #reserve(size: number): boolean {
    if (size <= this.bytes.length) return false;
    const grown = new Uint8Array(Math.max(size, 2 * this.bytes.length));
    grown.set(this.bytes);
    this.bytes = grown;
    return true;
  }
}
