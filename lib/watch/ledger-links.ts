import { DropscopeError } from '../errors.ts';
import { HeldNamespace } from '../link/held-namespace.ts';
import { readLinkRecords } from '../link/link-record.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { namespacesHere } from '../link/network-namespace.ts';
import { openTaps, type Tap, tapsOpenIn } from '../link/taps.ts';
import type { LedgerUnknown } from './ledger.ts';
import { RemovedLinks } from './removed-links.ts';

/** Which links a ledger is about. */
export interface LedgerScope {
  /** The network namespace of the watch; with all of them, this process's. */
  readonly namespace: HeldNamespace;
  readonly allNamespaces: boolean;
  /** Empty: all. */
  readonly ifindexes: readonly number[];
  /** Whether the watch filters by what only frames have. */
  readonly isFiltered: boolean;
}

/** A link and its network namespace, as one reading found them. */
export interface LedgerLink {
  readonly netns: number;
  readonly stats: LinkStats;
  /** Where it differs, another link has the ifindex, or another network namespace the inode number. */
  readonly registration: string;
  /** Where it differs, the kernel did not report every link that went between the two readings. */
  readonly gaps: number;
}

/** The links of one reading, by `linkKey()`. */
export type LedgerLinks = ReadonlyMap<string, LedgerLink>;

/** How often a namespace is read again whose links go while they are read. */
const ATTEMPTS = 8;

/** Reads the links of a ledger with their counters. */
export class LinkReader {
  readonly #scope: LedgerScope;
  readonly #removed: RemovedLinks;

  constructor(scope: LedgerScope) {
    this.#scope = scope;
    this.#removed = new RemovedLinks(scope.namespace.path);
  }

  /** Opens what is to be read, once for several readings. */
  open(): LedgerReading {
    return new LedgerReading(this.#scope, this.#removed);
  }

  close(): void {
    this.#removed.close();
  }
}

/** The network namespaces of a ledger, which stay open, and the same ones, for all of its readings. */
export class LedgerReading implements Disposable {
  readonly #unknown = new Map<string, LedgerUnknown>();
  readonly #scope: LedgerScope;
  readonly #removed: RemovedLinks;
  readonly #others: readonly HeldNamespace[];

  constructor(scope: LedgerScope, removed: RemovedLinks) {
    this.#scope = scope;
    this.#removed = removed;
    this.#others = scope.allNamespaces ? this.#openOthers() : [];
  }

  /** What could not be read so far. */
  get unknown(): LedgerUnknown[] {
    return [...this.#unknown.values()];
  }

  /** Throws SystemCallError when the kernel does not tell of the links of the watch's own namespace. */
  links(): LedgerLinks {
    const { namespace, ifindexes } = this.#scope;
    const others = this.#others.flatMap((other) =>
      this.#try({ what: 'links', netns: other.netns }, () => linksOf(other)),
    );
    const links = [...this.#ownLinks(namespace), ...others].filter(
      ({ stats }) => ifindexes.length === 0 || ifindexes.includes(stats.ifindex),
    );
    return new Map(
      links.map((link) => [linkKey({ netns: link.netns, ifindex: link.stats.ifindex }), link]),
    );
  }

  /** The taps that take frames of the links of the watch. */
  taps(): Tap[] {
    const { namespace, allNamespaces, ifindexes } = this.#scope;
    const ask = (path: string | undefined) =>
      allNamespaces ? tapsOpenIn(path) : openTaps(path, ifindexes);
    return [namespace, ...this.#others].flatMap(({ netns, path }) =>
      this.#try({ what: 'taps', netns }, () => ask(path)),
    );
  }

  [Symbol.dispose](): void {
    for (const other of this.#others) other.close();
  }

  /** Read again where links went meanwhile: which of two links with one number was read, nobody knows. */
  #ownLinks(namespace: HeldNamespace): LedgerLink[] {
    for (let attempt = 1; ; attempt++) {
      this.#removed.update();
      const links = linksOf(namespace, this.#removed);
      if (!this.#removed.update() || attempt === ATTEMPTS) return links;
    }
  }

  #openOthers(): HeldNamespace[] {
    const { files, refused } = this.#namespacesHere();
    if (refused.length > 0) {
      const some = refused.slice(0, 3).join(', ');
      const owners = refused.length > 3 ? `${some} and ${refused.length - 3} more` : some;
      const reason = `This process may not see the network namespace of ${owners}, which takes CAP_SYS_PTRACE: EACCES.`;
      this.#addUnseen(reason);
    }
    return files.flatMap((file) => {
      const [other] = this.#try({ what: 'links' }, () => [
        new HeldNamespace(file, 'options.networkNamespace'),
      ]);
      return other ?? [];
    });
  }

  /** None where the kernel refuses to list them; then the ledger says so. */
  #namespacesHere(): ReturnType<typeof namespacesHere> {
    try {
      return namespacesHere();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      this.#addUnseen(error.reason);
      return { files: [], refused: [] };
    }
  }

  /** What `ask` gives. Where the kernel refuses it, nothing; then the ledger says so. */
  #try<T>(about: Omit<LedgerUnknown, 'reason'>, ask: () => T[]): T[] {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      // Where there is none, it has just ended.
      if (error.code !== 'ERR_INVALID_ARGUMENT') {
        this.#add({ ...about, reason: error.reason });
      }
      return [];
    }
  }

  /** Why neither links nor taps of some other network namespaces are known. */
  #addUnseen(reason: string): void {
    this.#add({ what: 'links', reason });
    this.#add({ what: 'taps', reason });
  }

  /** Once, however often it is read. */
  #add(unknown: LedgerUnknown): void {
    this.#unknown.set(JSON.stringify(unknown), unknown);
  }
}

/** What a link and its account have in common. */
export function linkKey(link: { readonly netns: number; readonly ifindex: number }): string {
  return `${link.netns} ${link.ifindex}`;
}

/**
 * `earlier`, unless it is another link that had the ifindex, or the network namespace's inode number, of `now`.
 * Where the kernel may not have reported that a link went, the two are one link if it has kept its name and none of
 * its counters has fallen.
 */
export function sameLink(earlier: LedgerLink | undefined, now: LedgerLink): LedgerLink | undefined {
  if (earlier?.registration !== now.registration) return undefined;
  return earlier.gaps === now.gaps || isContinued(earlier.stats, now.stats) ? earlier : undefined;
}

function isContinued(earlier: LinkStats, now: LinkStats): boolean {
  const begin = new Map(Object.entries(earlier));
  return Object.entries(now).every(([field, value]) => {
    const before: unknown = begin.get(field);
    if (typeof value === 'bigint' && typeof before === 'bigint') return before <= value;
    return before === value;
  });
}

function linksOf(namespace: HeldNamespace, removed?: RemovedLinks): LedgerLink[] {
  const identity = namespace.identity();
  return readLinkRecords(0, namespace.links).map((stats) => ({
    netns: namespace.netns,
    stats,
    registration: `${identity} ${removed?.countOf(stats.ifindex) ?? 0}`,
    gaps: removed?.gaps ?? 0,
  }));
}
