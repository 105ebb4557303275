/** Frames of a capture file, as they lie in a piece of it. */
export class CaptureBlock {
  /** How many frames there are. */
  count = 0;
  /** How many of them were cut short when they were captured. */
  truncated = 0;
  /** Where each begins in the piece, and how many bytes it has there. */
  readonly #offsets: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #timesNs: Float64Array;

  /** Room for so many frames. */
  constructor(room: number) {
    this.#offsets = new Uint32Array(room);
    this.#lengths = new Uint32Array(room);
    this.#timesNs = new Float64Array(room);
  }

  get offsets(): Uint32Array {
    return this.#offsets.subarray(0, this.count);
  }

  get lengths(): Uint32Array {
    return this.#lengths.subarray(0, this.count);
  }

  /** When each was captured, in nanoseconds since the first frame of the file. */
  get timesNs(): Float64Array {
    return this.#timesNs.subarray(0, this.count);
  }

  /** `original`: how many bytes it had before it was captured. */
  add(offset: number, length: number, original: number, timeNs: number): void {
    this.#offsets[this.count] = offset;
    this.#lengths[this.count] = length;
    this.#timesNs[this.count] = timeNs;
    this.count += 1;
    if (length < original) this.truncated += 1;
  }

  clear(): void {
    this.count = 0;
    this.truncated = 0;
  }
}
