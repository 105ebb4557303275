import type { DropBatch, DropEvent, ProbeName } from './drop-event.ts';

/** A batch of events that are there already. */
export class EventBatch implements DropBatch {
  readonly probe: ProbeName;
  readonly #events: readonly DropEvent[];

  constructor(probe: ProbeName, events: readonly DropEvent[]) {
    this.probe = probe;
    this.#events = events;
  }

  get length(): number {
    return this.#events.length;
  }

  at(i: number): DropEvent {
    const event = Number.isInteger(i) && i >= 0 ? this.#events[i] : undefined;
    if (event !== undefined) return event;
    throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${i}.`);
  }

  slice(start?: number, end?: number): DropBatch {
    return new EventBatch(this.probe, this.#events.slice(start, end));
  }

  [Symbol.iterator](): Iterator<DropEvent> {
    return this.#events[Symbol.iterator]();
  }
}
