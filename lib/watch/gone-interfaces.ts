import { asked, DropscopeError, interfaceGone } from '../errors.ts';
import { type InterfaceRef, interfaceName } from '../link/interface.ts';
import {
  type NetworkNamespaceRef,
  networkNamespacePath,
  openLinks,
} from '../link/network-namespace.ts';
import { type LinkMonitor, type LinkTable, native } from '../native.ts';

const NAMESPACE = 'options.networkNamespace';

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
  readonly #links: LinkTable;
  readonly #monitor: LinkMonitor;
  #failure: Error | undefined;

  /** `networkNamespace`: the one that they are in; undefined: this process's. */
  constructor(
    targets: ReadonlyMap<number, InterfaceRef>,
    networkNamespace: NetworkNamespaceRef | undefined,
  ) {
    const { LinkMonitor } = native();
    const path = networkNamespacePath(networkNamespace, NAMESPACE);
    this.#targets = targets;
    this.#links = openLinks(networkNamespace, NAMESPACE);
    try {
      this.#monitor = asked(LISTENING, () => new LinkMonitor(() => this.#read(), path));
    } catch (error) {
      this.#links.close();
      throw error;
    }
    this.#monitor.unref();
  }

  /** Asks the kernel for each of them, and throws what `onFailure` is told, or was to be told. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    for (const [ifindex, target] of this.#targets) {
      if (interfaceName(ifindex, this.#links) === '') throw interfaceGone(target);
    }
  }

  close(): void {
    this.#monitor.close();
    this.#links.close();
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
