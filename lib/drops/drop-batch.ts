import type { DropBatch, DropEvent, ProbeName } from './drop-event.ts';
import type { DropRecords } from './drop-record.ts';

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

  slice(start = 0, end: number = this.length): DropBatch {
    const from = this.#start + fromEnd(start, this.length);
    return new RecordBatch(this.#records, from, this.#start + fromEnd(end, this.length));
  }

  *[Symbol.iterator](): Generator<DropEvent, undefined, undefined> {
    for (let i = 0; i < this.length; i++) yield this.#records.decode(this.#start + i);
  }
}

/** An index as Array.prototype.slice takes it: a negative one counts from the end. */
function fromEnd(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}
