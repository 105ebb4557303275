import { type Command, Option } from 'commander';
import { PROBE_NAMES } from '../drops/drop-event.ts';
import { type DropWatch, type WatchOptions, watchDrops } from '../index.ts';
import { etherType, macAddress, networkNamespace, several } from './arguments.ts';
import type { Interruption } from './interruption.ts';
import { printable } from './printable.ts';

/** What the kernel is asked for: the options of `watchDrops` that have an option here. */
export type Filters = Pick<
  WatchOptions,
  'scope' | 'probe' | 'module' | 'source' | 'destination' | 'etherType' | 'reason'
> & { readonly netns?: Exclude<WatchOptions['networkNamespace'], undefined> };

/** Holds what a flood drops while a batch of drops becomes text, which takes up to 0.1 s. */
const RING_BYTES = 2 ** 24;

/** Adds the options of what to watch to a command. */
export function addFilters(command: Command): Command {
  return command
    .addOption(
      new Option('--scope <scope>', 'drops that moved a link counter, or all').choices([
        'counted',
        'all',
      ]),
    )
    .addOption(
      new Option('--probe <name>', 'how to see them (default: the best that works here)').choices(
        PROBE_NAMES,
      ),
    )
    .option('--module <file>', 'for SystemTap: built by "dropscope systemtap build"')
    .option(
      '--netns <namespace>',
      'in this network namespace: a name, a path, a process number; or in "all"',
      networkNamespace('--netns'),
    )
    .option('--source <mac>', 'from this address', several(macAddress('--source')))
    .option('--destination <mac>', 'to this address', several(macAddress('--destination')))
    .option('--ether-type <number>', 'of this EtherType', several(etherType('--ether-type', 0)))
    .option('--reason <name>', 'for this reason', several(String));
}

/** What else a watch is armed with. */
type Delivery = Pick<WatchOptions, 'deliver' | 'everyMs' | 'talkerLimit'>;

/**
 * A watch that is armed, of which people are told on stderr; undefined when it was interrupted while
 * arming. Once it is armed, an interruption closes it.
 */
export async function armWatch(
  names: readonly string[],
  { netns, ...filters }: Filters,
  interruption: Interruption,
  delivery: Delivery = {},
): Promise<DropWatch | undefined> {
  const interrupted = interruption.signal;
  const arming = new AbortController();
  const abort = () => arming.abort();
  interrupted.addEventListener('abort', abort);
  try {
    const drops = await watchDrops({
      ...filters,
      ...delivery,
      ...(names.length > 0 && { interface: names }),
      ...(netns !== undefined && { networkNamespace: netns }),
      ringBytes: RING_BYTES,
      signal: arming.signal,
      onProgress: ({ step }) => process.stderr.write(`${printable(step)}\n`),
    });
    for (const { probe, reason } of drops.passedOver) {
      process.stderr.write(`Passed over ${probe}: ${printable(reason)}\n`);
    }
    return drops;
  } catch (error) {
    if (interrupted.aborted) return undefined;
    throw error;
  } finally {
    interrupted.removeEventListener('abort', abort);
  }
}

/** `lo by ebpf: drops that moved a link counter. Ctrl-C ends it.` */
export function subjectText(
  names: readonly string[],
  { scope, netns }: Filters,
  probe: string,
): string {
  const where = names.length === 0 ? 'all interfaces' : names.map(printable).join(', ');
  const namespace = netns === undefined ? '' : ` of ${namespaceText(netns)}`;
  const what = scope === 'all' ? 'all drops' : 'drops that moved a link counter';
  return `${where}${namespace} by ${probe}: ${what}. Ctrl-C ends it.`;
}

function namespaceText(netns: string | number): string {
  return netns === 'all'
    ? 'all network namespaces'
    : `network namespace ${printable(String(netns))}`;
}

/** Aborted after that time; none where none is given. */
export function timeout(seconds: number | undefined): AbortSignal[] {
  return seconds === undefined ? [] : [AbortSignal.timeout(Math.ceil(seconds * 1000))];
}

/**
 * Calls `act` when a signal aborts, or at once where one has already; it may be called once for each.
 * Not by AbortSignal.any(): in Node.js 20 nothing keeps a timeout that is only part of one.
 */
export function onAbort(signals: readonly AbortSignal[], act: () => void): void {
  for (const signal of signals) {
    if (signal.aborted) act();
    else signal.addEventListener('abort', act, { once: true });
  }
}
