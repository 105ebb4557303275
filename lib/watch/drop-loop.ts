import type { DropBatch } from '../drops/drop-event.ts';
import type { DropQueue } from './drop-queue.ts';

/** What a loop is told when there will be no more drops. */
interface End {
  /** Thrown into the loop once, where the end is a failure. */
  readonly error?: unknown;
}

interface Reader<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** One `for await` loop over the drops of a watch. Calls of `next` are answered in their order. */
export class DropLoop<T> implements AsyncIterableIterator<T, undefined, undefined> {
  /** What the loop has not read yet. */
  readonly queue: DropQueue;
  readonly #take: (queue: DropQueue) => T | undefined;
  readonly #leave: () => void;
  readonly #readers: Reader<T>[] = [];
  #end: End | undefined;

  /** `leave` is called when the reader breaks out of the loop. */
  constructor(queue: DropQueue, take: (queue: DropQueue) => T | undefined, leave: () => void) {
    this.queue = queue;
    this.#take = take;
    this.#leave = leave;
  }

  /** Gives the drops to whoever waits, and keeps the rest. Returns how many there was no room for. */
  push(batch: DropBatch): number {
    const refused = this.queue.push(batch);
    this.#answer();
    return refused;
  }

  /** No more drops come. The loop ends when it has read what waits, with `error` if there is one. */
  end(end: End = {}): void {
    this.#end ??= end;
    this.#answer();
  }

  /** Ends the loop at once: it throws `reason`, and what waits is let go. */
  abort(reason: unknown): void {
    this.queue.clear();
    this.#end = { error: reason };
    this.#answer();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // The common case, without a promise that waits.
    if (this.#readers.length === 0) {
      const value = this.#take(this.queue);
      if (value !== undefined) return Promise.resolve({ value, done: false });
    }
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.#answer();
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#leave();
    this.queue.clear();
    // Whoever has left is not told of a failure any more.
    this.#end = {};
    this.#answer();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #answer(): void {
    for (let reader = this.#readers[0]; reader !== undefined; reader = this.#readers[0]) {
      const value = this.#take(this.queue);
      if (value === undefined && this.#end === undefined) return;
      this.#readers.shift();
      if (value !== undefined) reader.resolve({ value, done: false });
      else this.#finish(reader);
    }
  }

  #finish(reader: Reader<T>): void {
    if (this.#end !== undefined && 'error' in this.#end) {
      const { error } = this.#end;
      this.#end = {};
      reader.reject(error);
    } else {
      reader.resolve({ value: undefined, done: true });
    }
  }
}
