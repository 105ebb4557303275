import { asked, isRawSystemError } from '../errors.ts';
import { type LinkMonitor, native } from '../native.ts';

/**
 * How often a link with a certain ifindex has left a network namespace: a link that comes later may have the
 * number of an earlier one. Keeps no process alive.
 */
export class RemovedLinks {
  readonly #monitor: LinkMonitor;
  readonly #counts = new Map<number, number>();
  #gaps = 0;

  /** `path`: a file of the network namespace; undefined: this process's. Throws SystemCallError: EMFILE. */
  constructor(path: string | undefined) {
    const { LinkMonitor } = native();
    const open = () => new LinkMonitor(() => this.update(), path);
    this.#monitor = asked('listening for links that go', open);
    this.#monitor.unref();
  }

  /** How often a link with this ifindex has left, as of the last update. */
  countOf(ifindex: number): number {
    return this.#counts.get(ifindex) ?? 0;
  }

  /** How often the kernel had no room to report links, so that some may have left and are not counted. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Takes note of all links that have left by now. False: there were none since the last time. */
  update(): boolean {
    try {
      const { removed, overrun } = this.#monitor.read();
      for (const ifindex of removed) this.#counts.set(ifindex, this.countOf(ifindex) + 1);
      if (overrun) this.#gaps += 1;
      return overrun || removed.length > 0;
    } catch (error) {
      // The kernel has no memory to tell of them, say. The next update has what is left.
      if (!isRawSystemError(error)) throw error;
      return false;
    }
  }

  close(): void {
    this.#monitor.close();
  }
}
