import { isRawSystemError, systemCallFailed } from '../errors.ts';
import { type LinkMonitor, native } from '../native.ts';

/**
 * Notices which of some interfaces are deleted or leave this network namespace. Keeps no process
 * alive.
 */
export class GoneInterfaces {
  /** Called with each that goes. Those that went before it was set can be asked for by `first`. */
  onGone: (ifindex: number) => void = () => {};
  readonly #ifindexes: readonly number[];
  readonly #gone = new Set<number>();
  readonly #monitor: LinkMonitor;

  constructor(ifindexes: readonly number[]) {
    this.#ifindexes = ifindexes;
    this.#monitor = openMonitor(() => this.#read());
    this.#monitor.unref();
    // One may have gone since the caller learnt its ifindex.
    this.#lookForAll();
  }

  /** The first that went, if any did. */
  get first(): number | undefined {
    return this.#gone.values().next().value;
  }

  close(): void {
    this.#monitor.close();
  }

  #read(): void {
    const { removed, overrun } = this.#monitor.read();
    for (const ifindex of removed) this.#note(ifindex);
    if (overrun) this.#lookForAll();
  }

  #lookForAll(): void {
    for (const ifindex of this.#ifindexes) {
      if (native().interfaceName(ifindex) === '') this.#note(ifindex);
    }
  }

  #note(ifindex: number): void {
    if (this.#gone.has(ifindex) || !this.#ifindexes.includes(ifindex)) return;
    this.#gone.add(ifindex);
    this.onGone(ifindex);
  }
}

function openMonitor(onChange: () => void): LinkMonitor {
  const { LinkMonitor } = native();
  try {
    return new LinkMonitor(onChange);
  } catch (error) {
    throw isRawSystemError(error) ? systemCallFailed(error, 'listening for links that go') : error;
  }
}
