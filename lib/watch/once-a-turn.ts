import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Something that many may ask for, and that is done once for all who ask within one turn of the event
 * loop: in the next turn, so that it never runs inside a listener that asks for it.
 */
export class OnceATurn<T> {
  readonly #act: () => T | Promise<T>;
  #next: Promise<T> | undefined;

  constructor(act: () => T | Promise<T>) {
    this.#act = act;
  }

  /** Resolves to what `act` answers when it was called after this call, or rejects as `act` does. */
  ask(): Promise<T> {
    this.#next ??= this.#actLater();
    return this.#next;
  }

  async #actLater(): Promise<T> {
    await nextTurn();
    this.#next = undefined;
    return this.#act();
  }
}
