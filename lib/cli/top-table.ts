import { stripVTControlCharacters } from 'node:util';
import type { DropSummary, Talker } from '../index.ts';
import { type Cell, table } from './columns.ts';
import { LOST_WHERE } from './drop-line.ts';
import { hex16, typeText, vlanJson } from './frame-text.ts';
import { type Json, jsonLine } from './json-line.ts';
import type { Losses } from './losses.ts';
import { printable } from './printable.ts';

/** A talker, and how many drops a second it had since the summary before. */
export interface RatedTalker extends Talker {
  readonly rate: number;
}

/** What was counted until a time. */
interface Counted {
  readonly until: Date;
  readonly counts: ReadonlyMap<string, number>;
}

/** Knows the counts of the two summaries before. */
export class TalkerRates {
  readonly #leastMs: number;
  #before: Counted[] = [];

  /**
   * A rate is taken over the time since the last summary; where that is less than half of `everyMs`, as
   * at the end, since the one before: a few drops within a moment are no rate.
   */
  constructor(everyMs: number) {
    this.#leastMs = everyMs / 2;
  }

  /** The talkers of a summary, the fastest first; of equals, the loudest. */
  of({ talkers, since, until }: DropSummary): RatedTalker[] {
    const msSince = (time: Date) => until.getTime() - time.getTime();
    const from = this.#before.find((before) => msSince(before.until) >= this.#leastMs);
    const seconds = Math.max(0.001, msSince(from?.until ?? since) / 1000);
    const counts = new Map<string, number>();
    const rated = talkers.map((talker) => {
      const key = keyOf(talker);
      counts.set(key, talker.count);
      const count = talker.count - (from?.counts.get(key) ?? 0);
      return { rate: Math.max(0, count) / seconds, ...talker };
    });
    this.#before = [{ until, counts }, ...this.#before.slice(0, 1)];
    return rated.sort((a, b) => b.rate - a.rate || b.count - a.count);
  }
}

function keyOf({ count: _, missing: __, first: ___, last: ____, ...identity }: Talker): string {
  return JSON.stringify(identity);
}

/** For people. What does not fit in `width` columns is left out: the less useful columns first. */
export function topText(
  { drops, since, until, probe }: DropSummary,
  talkers: readonly RatedTalker[],
  losses: Losses,
  width: number = Number.POSITIVE_INFINITY,
): string {
  const seconds = ((until.getTime() - since.getTime()) / 1000).toFixed(0);
  const lost = losses.all().map(({ count, where }) => `, ${count} lost (${LOST_WHERE[where]})`);
  const head = `${drops} drops in ${seconds} s by ${probe}${lost.join('')}\n`;
  const rest = drops - talkers.reduce((sum, { count }) => sum + count, 0);
  const others = rest === 0 ? '' : `${rest} more drops by talkers that are not listed (--rows)\n`;
  return `${head}${fittingTable(talkers, width)}${others}`;
}

/** What a narrow terminal has no room for, in this order. */
const LEFT_OUT = ['destination', 'location', 'ethertype', 'source'] as const;

function fittingTable(talkers: readonly RatedTalker[], width: number): string {
  for (let count = 0; ; count += 1) {
    const left = new Set<string>(LEFT_OUT.slice(0, count));
    const columns = COLUMNS.filter(({ name }) => !left.has(name));
    const rows = talkers.map((talker) =>
      columns.map(({ cell }) => cell(talker, !left.has('location'))),
    );
    const head = columns.map(({ name, right = false }): Cell => ({ text: name, right }));
    const text = table([head, ...rows]);
    const widest = Math.max(
      ...text.split('\n').map((line) => stripVTControlCharacters(line).length),
    );
    if (widest <= width || count === LEFT_OUT.length) return text;
  }
}

interface Column {
  readonly name: string;
  readonly right?: boolean;
  cell(talker: RatedTalker, withLocation: boolean): Cell;
}

const COLUMNS: readonly Column[] = [
  {
    name: 'drops/s',
    right: true,
    cell: ({ rate }) => ({ text: rate < 10 ? rate.toFixed(1) : rate.toFixed(0), right: true }),
  },
  {
    name: 'drops',
    right: true,
    cell: ({ count, missing }) => ({
      text: missing === 0 ? String(count) : `${count}+${missing}`,
      right: true,
    }),
  },
  {
    name: 'interface',
    cell: (talker) => ({ text: printable(talker.interface) || '-', style: 'bold' }),
  },
  { name: 'source', cell: ({ source }) => ({ text: source || '-' }) },
  { name: 'destination', cell: ({ destination }) => ({ text: destination || '-' }) },
  { name: 'ethertype', cell: ({ etherType, vlan }) => ({ text: typeText(etherType, vlan) }) },
  { name: 'counter', cell: ({ counter }) => ({ text: counter ?? '-' }) },
  {
    name: 'why',
    cell: ({ reason = '', location }, withLocation) => {
      const at = withLocation && location !== undefined ? ` at ${location}` : '';
      return { text: `${reason}${at}`.trim(), style: 'yellow' };
    },
  },
];

/** The same as a line of JSON. */
export function topJson(
  { probe, since, until, drops }: DropSummary,
  talkers: readonly RatedTalker[],
): string {
  const shown = talkers.reduce((sum, { count }) => sum + count, 0);
  return jsonLine({
    event: 'summary',
    time: until.toISOString(),
    probe,
    since: since.toISOString(),
    drops,
    // Those who are not shown are others here.
    others: drops - shown,
    talkers: talkers.map(talkerJson),
  });
}

function talkerJson(talker: RatedTalker): Json {
  return {
    interface: talker.interface || null,
    ifindex: talker.ifindex || null,
    netns: talker.netns,
    source: talker.source || null,
    destination: talker.destination || null,
    ether_type: hex16(talker.etherType),
    vlan: vlanJson(talker.vlan),
    counter: talker.counter ?? null,
    reason: talker.reason ?? null,
    location: talker.location ?? null,
    count: talker.count,
    missing: talker.missing,
    rate: Number(talker.rate.toFixed(1)),
    first: talker.first.toISOString(),
    last: talker.last.toISOString(),
  };
}
