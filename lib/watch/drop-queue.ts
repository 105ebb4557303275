import { RecordBatch } from '../drops/drop-batch.ts';
import type { DropBatch, DropEvent } from '../drops/drop-event.ts';

/** A batch that waits, and the one behind it. */
interface Waiting {
  batch: DropBatch;
  next: Waiting | undefined;
}

/**
 * Drops that wait for a reader, as a bounded queue. Records that wait take up at most twice their
 * bytes, whatever they came with: a batch holds a buffer of a few MiB.
 */
export class DropQueue {
  readonly #limit: number;
  // A list, for Array.shift() takes the longer the more there is.
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  /** Where in the first batch the next drop is. */
  #next = 0;
  #size = 0;

  /** `limit`: how many drops may wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Appends what there is room for. Returns how many drops there was none for: the newest. */
  push(batch: DropBatch): number {
    const room = Math.min(batch.length, this.#limit - this.#size);
    if (room > 0) this.#append(batch.slice(0, room));
    this.#size += room;
    return batch.length - room;
  }

  takeEvent(): DropEvent | undefined {
    const first = this.#first?.batch;
    if (first === undefined) return undefined;
    const event = first.at(this.#next++);
    this.#size--;
    if (this.#next === first.length) this.#dropFirst();
    return event;
  }

  takeBatch(): DropBatch | undefined {
    const first = this.#first?.batch;
    if (first === undefined) return undefined;
    const rest = this.#next === 0 ? first : first.slice(this.#next);
    this.#size -= rest.length;
    this.#dropFirst();
    return rest;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#next = 0;
    this.#size = 0;
  }

  #append(batch: DropBatch): void {
    const last = this.#last;
    const joined = last && join(last.batch, batch);
    if (last !== undefined && joined !== undefined) last.batch = joined;
    else this.#chain(batch instanceof RecordBatch ? batch.keep() : batch);
  }

  #chain(batch: DropBatch): void {
    const waiting: Waiting = { batch, next: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
  }

  #dropFirst(): void {
    this.#first = this.#first?.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#next = 0;
  }
}

/** Both batches in one; undefined where that does not spare memory. */
function join(first: DropBatch, second: DropBatch): DropBatch | undefined {
  if (!(first instanceof RecordBatch && second instanceof RecordBatch)) return undefined;
  return first.join(second);
}
