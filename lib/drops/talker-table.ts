import type { DropEvent, DropTotals } from './drop-event.ts';
import type {
  DropSummary,
  Talker,
  TalkerCount,
  TalkerCounts,
  TalkerIdentity,
} from './drop-summary.ts';

/** How many are kept apart. */
export const MOST_TALKERS = 16_384;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Row extends Mutable<TalkerCount> {
  /** Once it was listed. */
  identity?: TalkerIdentity;
  /** What `#unseen` was in all when the row was last up to date. */
  settled: number;
}

/**
 * Talkers and their counts, at most `limit` of them: when there are more, the quieter half is
 * forgotten, and their drops are among the others. What a talker may have had beyond its count is
 * known of each.
 */
export class TalkerTable {
  readonly #limit: number;
  #rows = new Map<string, Row>();
  #drops = 0;
  /** Of how many drops, in all, it is not known whose they are: to a talker who was not told of. */
  #unseen = 0;
  /** How many drops a talker may have had so far who has no row. */
  #mostOfUnknown = 0;

  constructor(limit: number = MOST_TALKERS) {
    this.#limit = limit;
  }

  add({ talkers, others, mostMissing }: TalkerCounts): void {
    this.#drops += others;
    const before = this.#mostOfUnknown;
    this.#unseen += mostMissing;
    for (const talker of talkers) this.#addTalker(talker, before, mostMissing);
    this.#mostOfUnknown += mostMissing;
    if (this.#rows.size > this.#limit) this.#forget();
  }

  addDrop(drop: DropEvent): void {
    const { counter, vlan, reason, location } = drop;
    const identity: TalkerIdentity = {
      interface: drop.interface,
      ifindex: drop.ifindex,
      netns: drop.netns,
      source: drop.source,
      destination: drop.destination,
      etherType: drop.etherType,
      ...(vlan !== undefined && { vlan }),
      ...(counter !== undefined && { counter: counter.name }),
      ...(reason !== undefined && { reason }),
      ...(location !== undefined && { location }),
    };
    this.#addIdentified(identity, 1, drop.time.getTime());
  }

  addTotals(totals: DropTotals, now: Date): void {
    const { count, source, destination, etherType, probe: _, ...link } = totals;
    if (source === undefined || destination === undefined || etherType === undefined) {
      this.add({ talkers: [], others: count, mostMissing: count });
      return;
    }
    this.#addIdentified({ ...link, source, destination, etherType }, count, now.getTime());
  }

  /** The loudest talkers, and the drops of all others. */
  list(limit: number = this.#limit): Pick<DropSummary, 'drops' | 'talkers' | 'others'> {
    const rows = [...this.#rows.values()].sort(byCount).slice(0, limit);
    const listed = rows.reduce((sum, { count }) => sum + count, 0);
    const talkers = rows.map((row) => this.#talker(row));
    return { drops: this.#drops, talkers, others: this.#drops - listed };
  }

  #talker(row: Row): Talker {
    row.identity ??= row.identify();
    return {
      count: row.count,
      missing: row.missing + this.#unseen - row.settled,
      first: new Date(row.first),
      last: new Date(row.last),
      // Last: before the others it would take V8 twenty times as long.
      ...row.identity,
    };
  }

  #addIdentified(identity: TalkerIdentity, count: number, time: number): void {
    const key = keyOf(identity);
    const times = { first: time, last: time };
    const talker = { key, count, missing: 0, ...times, identify: () => identity };
    this.add({ talkers: [talker], others: 0, mostMissing: 0 });
  }

  #addTalker(talker: TalkerCount, mostBefore: number, mostMissing: number): void {
    this.#drops += talker.count;
    const row = this.#rows.get(talker.key);
    if (row === undefined) {
      const { key, count, missing, first, last, identify } = talker;
      const most = { missing: missing + mostBefore, settled: this.#unseen };
      this.#rows.set(key, { key, count, first, last, identify, ...most });
      return;
    }
    row.count += talker.count;
    row.missing += talker.missing;
    row.last = talker.last;
    // Of what was not known this time, this talker's part is in its own `missing`.
    row.settled += mostMissing;
  }

  #forget(): void {
    const sorted = [...this.#rows].sort(([, a], [, b]) => byCount(a, b));
    const kept = Math.floor(this.#limit / 2);
    for (const [, { count, missing, settled }] of sorted.slice(kept)) {
      const most = count + missing + this.#unseen - settled;
      this.#mostOfUnknown = Math.max(this.#mostOfUnknown, most);
    }
    this.#rows = new Map(sorted.slice(0, kept));
  }
}

function byCount(a: Row, b: Row): number {
  return b.count - a.count;
}

/** What tells a talker from all others. */
function keyOf(talker: TalkerIdentity): string {
  const { interface: name, ifindex, netns, source, destination, etherType, vlan } = talker;
  const { counter, reason, location } = talker;
  const tag = vlan === undefined ? '' : `${vlan.protocol} ${vlan.id} ${vlan.priority} ${vlan.dei}`;
  return [
    ...[source, destination, etherType, tag, ifindex, netns, counter, reason, location],
    name,
  ].join('|');
}
