import type { LostEvent } from '../drops/drop-event.ts';

/** How many drops were lost, by place. Its size does not grow with them. */
export class Losses {
  readonly #byPlace = new Map<LostEvent['where'], LostEvent>();

  add(lost: LostEvent): void {
    const before = this.#byPlace.get(lost.where)?.count ?? 0;
    this.#byPlace.set(lost.where, { ...lost, count: before + lost.count });
  }

  /** One event for each place. */
  all(): LostEvent[] {
    return [...this.#byPlace.values()];
  }

  /** The same, and begins anew. */
  take(): LostEvent[] {
    const all = this.all();
    this.#byPlace.clear();
    return all;
  }
}
