import { asked, DropscopeError, interfaceGone } from '../errors.ts';
import type { HeldNamespace } from '../link/held-namespace.ts';
import { type InterfaceRef, interfaceName } from '../link/interface.ts';
import { type LinkMonitor, type Links, native } from '../native.ts';

const LISTENING = 'listening for links that go';

/**
 * Notices when one of some interfaces is deleted or leaves its network namespace. Keeps no process
 * alive.
 */
export class GoneInterfaces {
  /** Called with what a watch of them ends with: one is gone, or the kernel does not tell any more. */
  onFailure: (error: Error) => void = () => {};
  /** By ifindex, as they were named. */
  readonly #targets: ReadonlyMap<number, InterfaceRef>;
  readonly #links: Links;
  readonly #monitor: LinkMonitor;
  #failure: Error | undefined;

  /** `namespace`: the one that they are in, which outlives this. */
  constructor(
    targets: ReadonlyMap<number, InterfaceRef>,
    namespace: Pick<HeldNamespace, 'links' | 'path'>,
  ) {
    const { LinkMonitor } = native();
    this.#targets = targets;
    this.#links = namespace.links;
    this.#monitor = asked(LISTENING, () => new LinkMonitor(() => this.#read(), namespace.path));
    this.#monitor.unref();
  }

  /** Asks the kernel for each of them, and throws what `onFailure` is told, or was to be told. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const [ifindex, target] of this.#targets) {
      if (interfaceName(ifindex, this.#links) === '') throw interfaceGone(target);
    }
  }

  /** Gives no notice any more. May be called twice. */
  stop(): void {
    this.#monitor.close();
  }

  #read(): void {
    try {
      const { removed, overrun } = asked(LISTENING, () => this.#monitor.read());
      for (const ifindex of removed) this.#checkRemoved(ifindex);
      if (overrun) this.check();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      this.#failure ??= error;
      this.onFailure(this.#failure);
    }
  }

  #checkRemoved(ifindex: number): void {
    const target = this.#targets.get(ifindex);
    if (target !== undefined) throw interfaceGone(target);
  }
}
