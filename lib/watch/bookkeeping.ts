import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DropAccount } from '../drops/drop-account.ts';
import type { CounterName, LostEvent } from '../drops/drop-event.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';
import { counterValue } from '../link/counter-fields.ts';
import { readLinkRecords } from '../link/link-record.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { type NetworkNamespaceRef, namespacesHere, withLinks } from '../link/network-namespace.ts';
import { readSoftnet, type SoftnetByCpu, softnetSince } from '../link/softnet.ts';
import { openTaps, type Tap } from '../link/taps.ts';
import type { RunningProbe } from '../probes/probe.ts';
import { LEDGER_COUNTERS, type Ledger, type LedgerCounter, type LedgerRow } from './ledger.ts';
import { causesOf } from './ledger-causes.ts';

/** Which links a ledger is about. */
export interface LedgerScope {
  /** Undefined: that of this process. */
  readonly networkNamespace: NetworkNamespaceRef | undefined;
  readonly allNamespaces: boolean;
  /** Empty: all. */
  readonly ifindexes: readonly number[];
  /** Whether the watch filters by what only frames have. */
  readonly isFiltered: boolean;
}

/** A link and its namespace. */
interface Link {
  readonly netns: number;
  readonly stats: LinkStats;
}

type Links = ReadonlyMap<string, Link>;

/** A frame that was counted and is about to be dropped is dropped by then. */
const SECOND_LOOK_MS = 5;

/** Keeps the counters as they were when a watch was armed. */
export class Bookkeeping {
  readonly #scope: LedgerScope;
  readonly #before: Links;
  readonly #softnet: SoftnetByCpu;
  #armed: Links;
  #since = new Date();

  /** To be made before the probe is armed. */
  constructor(scope: LedgerScope) {
    this.#scope = scope;
    this.#before = this.#read();
    this.#armed = this.#before;
    this.#softnet = readSoftnet();
  }

  /** To be called once it is armed. */
  armed(): void {
    this.#armed = this.#read();
    this.#since = new Date();
  }

  /** When the probe was armed. */
  get since(): Date {
    return this.#since;
  }

  /** The ledger of a running probe. `lost`: what it lost so far. */
  async ledger(
    running: RunningProbe,
    lost: Readonly<Record<LostEvent['where'], number>>,
  ): Promise<Ledger> {
    const first = await this.#makeUp(running, lost);
    if (first.rows.every(({ unattributed }) => unattributed === 0n)) return first;
    await sleep(SECOND_LOOK_MS);
    return this.#makeUp(running, lost);
  }

  async #makeUp(
    running: RunningProbe,
    lost: Readonly<Record<LostEvent['where'], number>>,
  ): Promise<Ledger> {
    const before = this.#read();
    await running.flush();
    // Read between two readings of the counters: whatever was told by now, the second one has.
    const accounts = new Map(running.accounts().map((account) => [keyOf(account), account]));
    const after = this.#read();
    const placed = [...accounts.values()].reduce((all, account) => all + sum(account.lost), 0n);
    const unplaced = BigInt(lost.kernel + lost.output) - placed;
    const rows = [...after].flatMap(([key, link]) =>
      LEDGER_COUNTERS.map((counter) =>
        this.#row({ key, link, counter, before: before.get(key), account: accounts.get(key) }),
      ),
    );
    return {
      probe: running.name,
      since: this.#since,
      until: new Date(),
      rows: rows
        .filter(({ counted }) => counted > 0n)
        .map(({ driver, isLate, ...row }) => ({
          ...row,
          causes: causesOf(row, {
            probe: running.name,
            driver,
            isLate,
            isFiltered: this.#scope.isFiltered,
            unplaced: unplaced > 0n ? unplaced : 0n,
          }),
        })),
      taps: this.#taps(after),
      softnet: softnetSince(this.#softnet, readSoftnet()),
    };
  }

  #row({
    key,
    link,
    counter,
    before,
    account,
  }: {
    readonly key: string;
    readonly link: Link;
    readonly counter: LedgerCounter;
    readonly before: Link | undefined;
    readonly account: DropAccount | undefined;
  }): Omit<LedgerRow, 'causes'> & {
    readonly driver: bigint | undefined;
    readonly isLate: boolean;
  } {
    const amounts = isCounterName(counter) ? account : undefined;
    const known = (kind: 'told' | 'filtered' | 'lost') =>
      isCounterName(counter) ? (amounts?.[kind][counter] ?? 0n) : 0n;
    const value = (at: Link | undefined) =>
      at === undefined ? 0n : counterValue(at.stats, counter);
    const now = value(link);
    const startKnown = isCounterName(counter) ? amounts?.start?.[counter] : undefined;
    const [least, most] = [value(this.#before.get(key)), value(this.#armed.get(key))];
    // Below what it was: a later link has the number of an earlier one. Else it was at least what it was
    // before the probe was armed, however little of that the probe knows.
    const start = now < least ? (startKnown ?? 0n) : greater(startKnown ?? least, least);
    const counted = positive(now - start);
    // A probe that judges by the place may hold more to be counted than was.
    const attributed = smaller(known('told'), counted);
    const filtered = smaller(known('filtered'), counted - attributed);
    const lost = smaller(known('lost'), counted - attributed - filtered);
    const gap = counted - attributed - filtered - lost;
    // What it counted while the probe was armed may be from before or after that.
    const atStart = startKnown === undefined && now >= most ? positive(most - start) : 0n;
    const window = positive(now - value(before)) + atStart;
    const inFlight = smaller(gap, window);
    return {
      interface: link.stats.name,
      ifindex: link.stats.ifindex,
      netns: link.netns,
      counter,
      counted,
      attributed,
      filtered,
      lost,
      inFlight,
      unattributed: gap - inFlight,
      driver: isCounterName(counter) ? amounts?.driver?.[counter] : undefined,
      isLate: !this.#armed.has(key) && startKnown === undefined,
    };
  }

  #read(): Links {
    const { networkNamespace, allNamespaces, ifindexes } = this.#scope;
    const links = new Map<string, Link>();
    for (const link of allNamespaces ? readEveryNamespace() : readNamespace(networkNamespace)) {
      const { ifindex } = link.stats;
      if (ifindexes.length > 0 && !ifindexes.includes(ifindex)) continue;
      links.set(keyOf({ netns: link.netns, ifindex }), link);
    }
    return links;
  }

  #taps(links: Links): Tap[] {
    const { networkNamespace, allNamespaces, ifindexes } = this.#scope;
    if (allNamespaces) return [];
    const names = new Set([...links.values()].map(({ stats }) => stats.name));
    return openTaps(networkNamespace).filter(
      ({ interface: name }) => name === undefined || ifindexes.length === 0 || names.has(name),
    );
  }
}

function readEveryNamespace(): Link[] {
  const others = namespacesHere().flatMap((path) => {
    try {
      return readNamespace(path);
    } catch {
      // It has just ended, or may not be entered.
      return [];
    }
  });
  return [...readNamespace(undefined), ...others];
}

function readNamespace(ref: NetworkNamespaceRef | undefined): Link[] {
  const { path, records } = withLinks(ref, 'options.networkNamespace', (links, file) => ({
    path: file,
    records: readLinkRecords(0, links),
  }));
  const netns = statSync(path ?? '/proc/self/ns/net').ino;
  return records.map((stats) => ({ netns, stats }));
}

function keyOf({ netns, ifindex }: { readonly netns: number; readonly ifindex: number }): string {
  return `${netns} ${ifindex}`;
}

function isCounterName(counter: LedgerCounter): counter is CounterName {
  const names: readonly string[] = COUNTER_NAMES;
  return names.includes(counter);
}

function sum(amounts: DropAccount['lost']): bigint {
  return Object.values(amounts).reduce((all, amount) => all + amount, 0n);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
