const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Hears the first Ctrl-C, SIGTERM or SIGHUP (its terminal went away). From then on the signals do
 * what they do by default: the second one kills. Disposing it ends the hearing.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  #exitCode: number | undefined;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#hear);
  }

  /** Aborted when it was heard. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 128 + the signal's number, as shells have it; undefined while there was none. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#hear);
  }

  readonly #hear = (_name: NodeJS.Signals, number: number): void => {
    this[Symbol.dispose]();
    this.#exitCode = 128 + number;
    this.#controller.abort();
  };
}
