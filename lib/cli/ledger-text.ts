import type { Ledger, LedgerRow, LedgerUnknown } from '../watch/ledger.ts';
import { type Cell, table } from './columns.ts';
import { type Json, jsonLine } from './json-line.ts';
import { printable } from './printable.ts';
import { tapJson, tapText } from './tap-text.ts';

/** A ledger for people: a line for each counter that moved, then why something is not attributed. */
export function ledgerText({ rows, taps, softnet, unknown }: Ledger): string {
  const host =
    softnet === undefined
      ? ''
      : `Backlogs of all CPUs: ${softnet.dropped} dropped, ${softnet.timeSqueeze} time squeezes\n`;
  const missing = unknown.map(unknownText).join('');
  const hides = tapText(taps);
  if (rows.length === 0) return `\nLedger: no counter of drops moved\n${hides}${host}${missing}`;
  return `\nLedger\n${table([HEAD, ...rows.map(rowCells)])}${rows.map(causes).join('')}${hides}${host}${missing}`;
}

const HEAD: readonly Cell[] = [
  { text: 'interface' },
  { text: 'counter' },
  ...['counted', 'attributed', 'filtered', 'lost', 'in flight', 'unattributed'].map((text) => ({
    text,
    right: true,
  })),
];

function rowCells(row: LedgerRow): Cell[] {
  const { counted, attributed, filtered, lost, inFlight, unattributed } = row;
  const numbers = [counted, attributed, filtered, lost, inFlight, unattributed];
  return [
    { text: printable(row.interface), style: 'bold' },
    { text: row.counter },
    ...numbers.map(
      (number, column): Cell =>
        column === numbers.length - 1 && number > 0n
          ? { text: String(number), right: true, style: 'red' }
          : { text: String(number), right: true },
    ),
  ];
}

function causes({ interface: name, counter, causes: known }: LedgerRow): string {
  return known
    .map(({ amount, text }) => {
      const many = amount === undefined ? '' : `${amount}: `;
      return `  ${printable(name)} ${counter}: ${many}${text}\n`;
    })
    .join('');
}

const UNKNOWN: Readonly<Record<LedgerUnknown['what'], string>> = {
  links: 'counters',
  taps: 'taps',
  softnet: 'backlogs of the CPUs',
};

function unknownText({ what, netns, reason }: LedgerUnknown): string {
  const where = netns === undefined ? '' : ` of network namespace ${netns}`;
  return `Unknown: the ${UNKNOWN[what]}${where}. ${printable(reason)}\n`;
}

/** The same as a line of JSON. */
export function ledgerJson({ probe, since, until, rows, taps, softnet, unknown }: Ledger): string {
  return jsonLine({
    event: 'ledger',
    time: until.toISOString(),
    probe,
    since: since.toISOString(),
    rows: rows.map(rowJson),
    taps: taps.map(tapJson),
    softnet:
      softnet === undefined
        ? null
        : { dropped: softnet.dropped, time_squeeze: softnet.timeSqueeze },
    unknown: unknown.map(({ what, netns = null, reason }) => ({ what, netns, reason })),
  });
}

function rowJson(row: LedgerRow): Json {
  return {
    interface: row.interface,
    ifindex: row.ifindex,
    netns: row.netns,
    counter: row.counter,
    counted: row.counted,
    attributed: row.attributed,
    filtered: row.filtered,
    lost: row.lost,
    in_flight: row.inFlight,
    unattributed: row.unattributed,
    causes: row.causes.map(({ kind, amount = null, text }) => ({ kind, amount, text })),
  };
}
