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

/** Knows the counts of the summary before. */
export class TalkerRates {
  #before = new Map<string, number>();
  #until: Date | undefined;

  /** The talkers of a summary, the fastest first; of equals, the loudest. */
  of({ talkers, since, until }: DropSummary): RatedTalker[] {
    const seconds = Math.max(0.001, (until.getTime() - (this.#until ?? since).getTime()) / 1000);
    const now = new Map<string, number>();
    const rated = talkers.map((talker) => {
      const key = keyOf(talker);
      now.set(key, talker.count);
      const count = talker.count - (this.#before.get(key) ?? 0);
      return { rate: Math.max(0, count) / seconds, ...talker };
    });
    this.#before = now;
    this.#until = until;
    return rated.sort((a, b) => b.rate - a.rate || b.count - a.count);
  }
}

function keyOf({ count: _, missing: __, first: ___, last: ____, ...identity }: Talker): string {
  return JSON.stringify(identity);
}

/** For people. */
export function topText(
  { drops, since, until, probe }: DropSummary,
  talkers: readonly RatedTalker[],
  losses: Losses,
): string {
  const seconds = ((until.getTime() - since.getTime()) / 1000).toFixed(0);
  const lost = losses.all().map(({ count, where }) => `, ${count} lost (${LOST_WHERE[where]})`);
  const head = `${drops} drops in ${seconds} s by ${probe}${lost.join('')}\n`;
  const rest = drops - talkers.reduce((sum, { count }) => sum + count, 0);
  const others = rest === 0 ? '' : `${rest} of others\n`;
  return `${head}${table([HEAD, ...talkers.map(cells)])}${others}`;
}

const HEAD: readonly Cell[] = [
  ...['drops/s', 'drops'].map((text) => ({ text, right: true })),
  ...['interface', 'source', 'destination', 'ethertype', 'counter', 'why'].map((text) => ({
    text,
  })),
];

function cells(talker: RatedTalker): Cell[] {
  const { rate, count, missing, source, destination, etherType, vlan, reason, location } = talker;
  const at = location === undefined ? '' : ` at ${location}`;
  return [
    { text: rate < 10 ? rate.toFixed(1) : rate.toFixed(0), right: true },
    { text: missing === 0 ? String(count) : `${count}+${missing}`, right: true },
    { text: printable(talker.interface) || '-', style: 'bold' },
    { text: source || '-' },
    { text: destination || '-' },
    { text: typeText(etherType, vlan) },
    { text: talker.counter ?? '-' },
    { text: `${reason ?? ''}${at}`.trim(), style: 'yellow' },
  ];
}

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
