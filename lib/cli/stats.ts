import { styleText } from 'node:util';
import type { Command } from 'commander';
import { type LinkStats, type NamespaceOptions, readLinkStats } from '../index.ts';
import { networkNamespace } from './arguments.ts';
import { type Cell, table } from './columns.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

interface StatsOptions {
  readonly json?: boolean;
  readonly netns?: string | number;
}

type Counters = ReadonlyMap<string, bigint | undefined>;

/** Shown even when they are 0 everywhere; the others are named below the table then. */
const ALWAYS: ReadonlySet<string> = new Set([
  'rx_packets',
  'rx_bytes',
  'rx_dropped',
  'tx_packets',
  'tx_bytes',
  'tx_dropped',
]);

/** Adds `dropscope stats` to the program. */
export function addStats(program: Command, output: Output): void {
  program
    .command('stats')
    .description('show what the links have counted, as `ip -s -s link` does')
    .argument('[interface]', 'its name; without: all of this network namespace')
    .option('--json', 'one object a line, with every counter')
    .option(
      '--netns <namespace>',
      'in this network namespace: a name, a path, or a process number',
      networkNamespace('--netns'),
    )
    .action(async (name: string | undefined, { json = false, netns }: StatsOptions) => {
      const options: NamespaceOptions = { networkNamespace: netns };
      const links =
        name === undefined ? await readLinkStats(options) : [await readLinkStats(name, options)];
      await output.write(json ? links.map(statsJson).join('') : statsTable(links));
    });
}

/** null: this kernel has no such counter. */
function statsJson({ name, ifindex, ...counters }: LinkStats): string {
  const values = [...inKernelSpelling(counters)].map(([key, value]) => [key, value ?? null]);
  return jsonLine({
    event: 'stats',
    time: new Date().toISOString(),
    interface: name,
    ifindex,
    ...Object.fromEntries(values),
  });
}

function statsTable(links: readonly LinkStats[]): string {
  const rows = links.map(({ name, ifindex: _, ...counters }) => ({
    name: printable(name),
    counters: inKernelSpelling(counters),
  }));
  const keys = [...new Set(rows.flatMap(({ counters }) => [...counters.keys()]))].sort(byDirection);
  const isZero = (key: string) => rows.every(({ counters }) => (counters.get(key) ?? 0n) === 0n);
  const hidden = keys.filter((key) => !ALWAYS.has(key) && isZero(key));
  const columns = keys.filter((key) => !hidden.includes(key));

  const header = [{ text: 'interface' }, ...columns.map((text) => ({ text, right: true }))];
  const lines = rows.map(({ name, counters }) => [
    { text: name, style: 'bold' } as const,
    ...columns.map((key) => valueCell(key, counters.get(key))),
  ]);
  const zeros = hidden.length === 0 ? '' : `0 on all of them: ${hidden.join(', ')}\n`;
  return table([header, ...lines]) + styleText('dim', zeros);
}

/** All that was received before all that was sent; else in the kernel's order. */
function byDirection(a: string, b: string): number {
  return Number(a.startsWith('tx_')) - Number(b.startsWith('tx_'));
}

function valueCell(key: string, value: bigint | undefined): Cell {
  const text = value === undefined ? '-' : String(value);
  if (value === undefined || value === 0n) return { text, right: true, style: 'dim' };
  if (/dropped|errors|nohandler/.test(key)) return { text, right: true, style: 'yellow' };
  return { text, right: true };
}

/** `rxOtherhostDropped` is rx_otherhost_dropped in struct rtnl_link_stats64. */
function inKernelSpelling(counters: Omit<LinkStats, 'name' | 'ifindex'>): Counters {
  const spell = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new Map(Object.entries(counters).map(([key, value]) => [spell(key), value]));
}
