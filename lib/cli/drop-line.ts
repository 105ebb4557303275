import { styleText } from 'node:util';
import type { DropEvent, DropTotals, LostEvent } from '../drops/drop-event.ts';
import { type Cell, Columns } from './columns.ts';
import { hex16, typeText, vlanJson } from './frame-text.ts';
import { jsonLine } from './json-line.ts';
import { printable } from './printable.ts';

/** How a watch prints what it hears, a line each. */
export interface DropLines {
  drop(drop: DropEvent): string;
  totals(totals: DropTotals): string;
  lost(lost: LostEvent): string;
}

/** One JSON object a line, in the kernel's spelling. What a drop does not have is null. */
export const jsonDropLines: DropLines = {
  drop: (drop) =>
    jsonLine({
      event: 'drop',
      time: drop.time.toISOString(),
      timestamp_ns: drop.timestampNs,
      probe: drop.probe,
      interface: drop.interface || null,
      ifindex: drop.ifindex || null,
      netns: drop.netns,
      source: drop.source || null,
      destination: drop.destination || null,
      ether_type: hex16(drop.etherType),
      vlan: vlanJson(drop.vlan),
      counter: drop.counter?.name ?? null,
      before: drop.counter?.before ?? null,
      after: drop.counter?.after ?? null,
      reason: drop.reason ?? null,
      location: drop.location ?? null,
      length: drop.length,
    }),
  totals: (totals) =>
    jsonLine({
      event: 'totals',
      time: new Date().toISOString(),
      probe: totals.probe,
      count: totals.count,
      interface: totals.interface || null,
      ifindex: totals.ifindex,
      netns: totals.netns,
      source: totals.source || null,
      destination: totals.destination || null,
      ether_type: totals.etherType === undefined ? null : hex16(totals.etherType),
      vlan: vlanJson(totals.vlan),
      counter: totals.counter ?? null,
    }),
  lost: ({ probe, count, where }) =>
    jsonLine({ event: 'lost', time: new Date().toISOString(), probe, count, where }),
};

/** Lines for people: each says what its values are, so that it needs no header. */
export class HumanDropLines implements DropLines {
  readonly #columns = new Columns();

  drop(drop: DropEvent): string {
    return this.#columns.line([
      { text: clock(drop.time), style: 'dim' },
      { text: orDash(printable(drop.interface)), style: 'bold' },
      { text: drop.source === '' ? '-' : `${drop.source} > ${drop.destination}` },
      { text: typeText(drop.etherType, drop.vlan) },
      { text: `${drop.length} bytes`, right: true },
      counterCell(drop),
      { text: why(drop), style: 'yellow' },
    ]);
  }

  totals({ count, interface: name, source, destination, etherType, ...rest }: DropTotals): string {
    const whose = source === undefined ? 'others' : `${source || '-'} > ${destination || '-'}`;
    return this.#columns.line([
      { text: clock(new Date()), style: 'dim' },
      { text: orDash(printable(name)), style: 'bold' },
      { text: whose },
      { text: etherType === undefined ? '-' : typeText(etherType, rest.vlan) },
      { text: `${count} drops`, right: true },
      { text: rest.counter ?? '-' },
      { text: 'too many to tell each', style: 'yellow' },
    ]);
  }

  lost({ count, where }: LostEvent): string {
    return `${clock(new Date())}  ${styleText('red', `lost ${count}: ${LOST_WHERE[where]}`)}\n`;
  }
}

/** What it means that drops were lost there. */
export const LOST_WHERE: Readonly<Record<LostEvent['where'], string>> = {
  kernel: "the kernel's buffer was full, or a drop interrupted another one",
  queue: 'this output was read too slowly',
  output: "the output of the probe's process did not come through whole",
};

function counterCell({ counter }: DropEvent): Cell {
  if (counter === undefined) return { text: '-', style: 'dim' };
  return { text: `${counter.name} ${counter.before} -> ${counter.after}` };
}

/** `UNHANDLED_PROTO at __netif_receive_skb_core`, as far as it is known. */
function why({ reason, location }: DropEvent): string {
  const at = location === undefined ? '' : `at ${location}`;
  return `${reason ?? ''} ${at}`.trim();
}

function orDash(text: string): string {
  return text === '' ? '-' : text;
}

/** Local time of day: `04:24:11.123`. */
function clock(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const millis = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`;
}
