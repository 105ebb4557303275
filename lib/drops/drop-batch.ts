import type { DropBatch, DropEvent, ProbeName } from './drop-event.ts';
import type { DropRecords } from './drop-record.ts';

/** Batches up to this length are copied and joined when they are kept. */
const JOINED_BYTES = 32 << 10;

/** A run of records, decoded on reading. */
export class RecordBatch implements DropBatch {
  readonly length: number;
  readonly #records: DropRecords;
  readonly #start: number;

  constructor(records: DropRecords, start = 0, end: number = records.count) {
    this.#records = records;
    this.#start = start;
    this.length = Math.max(0, end - start);
  }

  get probe(): ProbeName {
    return this.#records.probe;
  }

  at(i: number): DropEvent {
    if (!Number.isInteger(i) || i < 0 || i >= this.length) {
      throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${i}.`);
    }
    return this.#records.decode(this.#start + i);
  }

  slice(start = 0, end: number = this.length): RecordBatch {
    const from = this.#start + fromEnd(start, this.length);
    return new RecordBatch(this.#records, from, this.#start + fromEnd(end, this.length));
  }

  /**
   * The same drops in memory that nobody writes again, at most twice as much of it as they fill. A long
   * batch is not copied.
   */
  keep(): RecordBatch {
    const { heldBytes } = this.#records;
    if (this.#bytes > JOINED_BYTES && 2 * this.#bytes >= heldBytes) {
      this.#records.isKept = true;
      return this;
    }
    return this.#copy(this.length);
  }

  /**
   * These kept drops and, behind them, those of `next`, in memory as `keep` has it. Undefined: together
   * they are too long for that. This batch must not be used any more.
   */
  join(next: RecordBatch): RecordBatch | undefined {
    const length = this.length + next.length;
    const most = Math.floor(JOINED_BYTES / this.#records.bytesPerRecord);
    if (length > most) return undefined;
    return this.#append(next) ?? this.#copy(Math.min(2 * length, most)).#append(next);
  }

  get #bytes(): number {
    return this.length * this.#records.bytesPerRecord;
  }

  #copy(capacity: number): RecordBatch {
    const end = this.#start + this.length;
    return new RecordBatch(this.#records.copy(this.#start, end, capacity));
  }

  /** These drops and those of `next`, where there is room behind these. */
  #append(next: RecordBatch): RecordBatch | undefined {
    const end = next.#start + next.length;
    const isLast = this.#start + this.length === this.#records.count;
    const fits = isLast && this.#records.append(next.#records, next.#start, end);
    return fits ? new RecordBatch(this.#records, this.#start) : undefined;
  }

  *[Symbol.iterator](): Generator<DropEvent, undefined, undefined> {
    for (let i = 0; i < this.length; i++) yield this.#records.decode(this.#start + i);
  }
}

/** An index as Array.prototype.slice takes it: a negative one counts from the end. */
function fromEnd(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}
