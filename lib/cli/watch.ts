import { type Command, Option } from 'commander';
import { PROBE_NAMES } from '../drops/drop-event.ts';
import { type DropWatch, type WatchOptions, watchDrops } from '../index.ts';
import { openTaps } from '../link/taps.ts';
import { etherType, integer, macAddress, seconds, several } from './arguments.ts';
import { HumanDropLines, jsonDropLines } from './drop-line.ts';
import { Interruption } from './interruption.ts';
import type { Output } from './output.ts';
import { printDrops } from './print-drops.ts';
import { printable } from './printable.ts';
import { tapsOn, tapText } from './tap-text.ts';
import { WatchReport } from './watch-report.ts';

/** What the kernel is asked for: the options of `watchDrops` that have an option here. */
type Filters = Pick<
  WatchOptions,
  'scope' | 'probe' | 'module' | 'source' | 'destination' | 'etherType' | 'reason'
>;

interface WatchCommandOptions extends Filters {
  readonly count?: number;
  readonly duration?: number;
  readonly json?: boolean;
}

/** Holds what a flood drops while a batch of drops becomes text, which takes up to 0.1 s. */
const RING_BYTES = 2 ** 24;

const AFTER_HELP = `
A filter may be given several times. "ready" on stderr says that a frame dropped
from now on is seen. At the end comes a report; with --json it is on stderr, and the
last line is an object whose event is "end", or "error" where the watch failed.

Examples:
  dropscope watch
  dropscope watch eth0 eth1 --scope all --duration 60
  dropscope watch --json --source 00:00:5e:00:53:00 --count 10 | jq .reason
`;

/** Adds `dropscope watch` to the program. */
export function addWatch(program: Command, output: Output): void {
  program
    .command('watch')
    .description('tell which frames the kernel drops, who sent them, and why')
    .argument('[interface...]', 'their names; without any: all of this network namespace')
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
    .option('--source <mac>', 'from this address', several(macAddress('--source')))
    .option('--destination <mac>', 'to this address', several(macAddress('--destination')))
    .option('--ether-type <number>', 'of this EtherType', several(etherType('--ether-type', 0)))
    .option('--reason <name>', 'for this reason', several(String))
    .option('--count <n>', 'end after so many', integer('--count', 1))
    .option('--duration <time>', 'end after so many seconds, or 5m, 2h', seconds('--duration'))
    .option('--json', 'one object a line')
    .addHelpText('after', AFTER_HELP)
    .action((names: string[], options: WatchCommandOptions) =>
      watch([...new Set(names)], options, output),
    );
}

async function watch(
  names: readonly string[],
  { count, duration, json = false, ...filters }: WatchCommandOptions,
  output: Output,
): Promise<void> {
  using interruption = new Interruption();
  const lines = json ? jsonDropLines : new HumanDropLines();
  const interfaces = names.length === 0 ? {} : { interface: names };
  const armed = await arm({ ...filters, ...interfaces }, interruption.signal);
  if (armed === undefined) {
    if (json) await output.write(new WatchReport().toJson());
    process.exitCode = interruption.exitCode ?? 0;
    return;
  }
  await using drops = armed;
  const report = new WatchReport(drops.probe);
  closeOn([interruption.signal, output.failed, ...timeout(duration)], drops);
  process.stderr.write(json ? 'ready\n' : `${subject(names, filters, drops.probe)}\nready\n`);
  try {
    await printDrops({ drops, report, lines, output, count });
  } finally {
    // A reader who left wants no report, unless it was Ctrl-C that ended them both.
    const wanted = !output.failed.aborted || interruption.signal.aborted;
    const text = report.toString() + (report.seen === 0 ? hidden(names) : '');
    if (wanted && json) process.stderr.write(text);
    if (wanted) await output.write(json ? report.toJson() : text);
  }
  process.exitCode = interruption.exitCode ?? 0;
}

/**
 * A watch that is armed; undefined when it was interrupted while arming. Once it is armed, an
 * interruption closes it.
 */
async function arm(
  options: WatchOptions,
  interrupted: AbortSignal,
): Promise<DropWatch | undefined> {
  const arming = new AbortController();
  const abort = () => arming.abort();
  interrupted.addEventListener('abort', abort);
  try {
    return await watchDrops({
      ...options,
      ringBytes: RING_BYTES,
      signal: arming.signal,
      onProgress: ({ step }) => process.stderr.write(`${printable(step)}\n`),
    });
  } catch (error) {
    if (interrupted.aborted) return undefined;
    throw error;
  } finally {
    interrupted.removeEventListener('abort', abort);
  }
}

/** What may be the cause that there was nothing to see. */
function hidden(names: readonly string[]): string {
  const taps = tapsOn(names, openTaps());
  return taps.length === 0 ? '' : tapText(taps);
}

function closeOn(signals: readonly AbortSignal[], drops: DropWatch): void {
  for (const signal of signals) {
    // While the watch was being armed there may have been a Ctrl-C already.
    if (signal.aborted) void drops.close();
    else signal.addEventListener('abort', () => void drops.close());
  }
}

function timeout(duration: number | undefined): AbortSignal[] {
  return duration === undefined ? [] : [AbortSignal.timeout(Math.ceil(duration * 1000))];
}

/** `Watching lo by ebpf: drops that moved a link counter. Ctrl-C ends it.` */
function subject(names: readonly string[], { scope }: Filters, probe: string): string {
  const where = names.length === 0 ? 'all interfaces' : names.map(printable).join(', ');
  const what = scope === 'all' ? 'all drops' : 'drops that moved a link counter';
  return `Watching ${where} by ${probe}: ${what}. Ctrl-C ends it.`;
}
