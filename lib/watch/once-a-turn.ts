import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Something that many may ask for, and that is done once for all who ask within one turn of the event
 * loop: in the next turn, so that it never runs inside a listener that asks for it. Whoever asks while it
 * runs waits until it has settled, and shares the next run with all who wait.
 */
export class OnceATurn<T> {
  readonly #act: () => T | Promise<T>;
  #next: Promise<T> | undefined;
  #latest: Promise<T> | undefined;

  constructor(act: () => T | Promise<T>) {
    this.#act = act;
  }

  /** Resolves to what `act` answers when it was called after this call, or rejects as `act` does. */
  ask(): Promise<T> {
    if (this.#next === undefined) {
      this.#next = this.#actAfter(this.#latest);
      this.#latest = this.#next;
    }
    return this.#next;
  }

  async #actAfter(running: Promise<T> | undefined): Promise<T> {
    await Promise.allSettled([running]);
    await nextTurn();
    this.#next = undefined;
    return await this.#act();
  }
}
