import type { DropEvent, DropTotals } from './drop-event.ts';
import type { Talker, TalkerCounts } from './drop-summary.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Row {
  readonly talker: Mutable<Talker>;
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
  #others = 0;
  /** Of how many drops, in all, it is not known whose they are: to a talker who was not told of. */
  #unseen = 0;
  /** How many drops a talker may have had so far who has no row. */
  #mostOfUnknown = 0;

  constructor(limit = 16_384) {
    this.#limit = limit;
  }

  /** How many drops there were. */
  get drops(): number {
    return this.#drops;
  }

  /** How many of them no talker has. */
  get others(): number {
    return this.#others;
  }

  add({ talkers, others, mostMissing }: TalkerCounts): void {
    this.#drops += others;
    this.#others += others;
    const before = this.#mostOfUnknown;
    this.#unseen += mostMissing;
    for (const [key, talker] of talkers) this.#addTalker(key, talker, before, mostMissing);
    this.#mostOfUnknown += mostMissing;
    if (this.#rows.size > this.#limit) this.#forget();
  }

  addDrop(drop: DropEvent): void {
    const { time, counter, vlan, reason, location } = drop;
    const talker: Talker = {
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
      count: 1,
      missing: 0,
      first: time,
      last: time,
    };
    this.add({ talkers: [[keyOf(talker), talker]], others: 0, mostMissing: 0 });
  }

  addTotals(totals: DropTotals, now: Date): void {
    const { count, source, destination, etherType, probe: _, ...link } = totals;
    if (source === undefined || destination === undefined || etherType === undefined) {
      this.add({ talkers: [], others: count, mostMissing: count });
      return;
    }
    const talker = { ...link, source, destination, etherType, count, missing: 0 };
    const timed: Talker = { ...talker, first: now, last: now };
    this.add({ talkers: [[keyOf(timed), timed]], others: 0, mostMissing: 0 });
  }

  /** The loudest first. */
  loudest(): Talker[] {
    return [...this.#rows.values()].sort(byCount).map(({ talker, settled }) => ({
      ...talker,
      missing: talker.missing + this.#unseen - settled,
    }));
  }

  #addTalker(key: string, talker: Talker, mostBefore: number, mostMissing: number): void {
    this.#drops += talker.count;
    const row = this.#rows.get(key);
    if (row === undefined) {
      const missing = talker.missing + mostBefore;
      this.#rows.set(key, { talker: { ...talker, missing }, settled: this.#unseen });
      return;
    }
    row.talker.count += talker.count;
    row.talker.missing += talker.missing;
    row.talker.last = talker.last;
    // Of what was not known this time, this talker's part is in its own `missing`.
    row.settled += mostMissing;
  }

  #forget(): void {
    const sorted = [...this.#rows].sort(([, a], [, b]) => byCount(a, b));
    const kept = Math.floor(this.#limit / 2);
    for (const [, { talker, settled }] of sorted.slice(kept)) {
      this.#others += talker.count;
      const most = talker.count + talker.missing + this.#unseen - settled;
      this.#mostOfUnknown = Math.max(this.#mostOfUnknown, most);
    }
    this.#rows = new Map(sorted.slice(0, kept));
  }
}

function byCount(a: Row, b: Row): number {
  return b.talker.count - a.talker.count;
}

/** What tells a talker from all others. */
function keyOf(talker: Talker): string {
  const { interface: name, ifindex, netns, source, destination, etherType, vlan } = talker;
  const { counter, reason, location } = talker;
  const tag = vlan === undefined ? '' : `${vlan.protocol} ${vlan.id} ${vlan.priority} ${vlan.dei}`;
  return [
    ...[source, destination, etherType, tag, ifindex, netns, counter, reason, location],
    name,
  ].join('|');
}
