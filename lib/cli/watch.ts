import type { Command } from 'commander';
import type { DropWatch, Ledger } from '../index.ts';
import { openTaps } from '../link/taps.ts';
import { integer, seconds } from './arguments.ts';
import { addFilters, armWatch, type Filters, onAbort, subjectText, timeout } from './arm-watch.ts';
import { HumanDropLines, jsonDropLines } from './drop-line.ts';
import { errorText } from './error-text.ts';
import { Interruption } from './interruption.ts';
import { ledgerJson, ledgerText } from './ledger-text.ts';
import type { Output } from './output.ts';
import { printDrops } from './print-drops.ts';
import { hidesDrops, tapText } from './tap-text.ts';
import { WatchReport } from './watch-report.ts';

interface WatchCommandOptions extends Filters {
  readonly count?: number;
  readonly duration?: number;
  readonly ledger?: boolean;
  readonly json?: boolean;
}

const AFTER_HELP = `
A filter may be given several times. "ready" on stderr says that a frame dropped
from now on is seen. At the end comes a report; with --json it is on stderr, and the
last line is an object whose event is "end", or "error" where the watch failed.

Examples:
  dropscope watch
  dropscope watch eth0 eth1 --scope all --duration 60
  dropscope watch eth0 --ledger --duration 10
  dropscope watch --netns all --json --source 00:00:5e:00:53:00 --count 10 | jq .reason
`;

/** Adds `dropscope watch` to the program. */
export function addWatch(program: Command, output: Output): void {
  const command = program
    .command('watch')
    .description('tell which frames the kernel drops, who sent them, and why')
    .argument('[interface...]', 'their names; without any: all of the network namespace');
  addFilters(command)
    .option('--ledger', 'hold the link counters against what was told, at the end')
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
  { count, duration, ledger: wantsLedger = false, json = false, ...filters }: WatchCommandOptions,
  output: Output,
): Promise<void> {
  using interruption = new Interruption();
  const lines = json ? jsonDropLines : new HumanDropLines();
  const armed = await armWatch(names, filters, interruption);
  if (armed === undefined) {
    if (json) await output.write(new WatchReport().toJson());
    process.exitCode = interruption.exitCode ?? 0;
    return;
  }
  await using drops = armed;
  const report = new WatchReport(drops.probe);
  let ledger: Promise<Ledger | undefined> | undefined;
  const close = async () => {
    if (wantsLedger) ledger ??= ledgerOf(drops);
    await ledger;
    await drops.close();
  };
  onAbort([interruption.signal, output.failed, ...timeout(duration)], () => void close());
  const subject = `Watching ${subjectText(names, filters, drops.probe)}\n`;
  process.stderr.write(`${json ? '' : subject}ready\n`);
  try {
    await printDrops({ drops, close, report, lines, output, count });
  } finally {
    // A reader who left wants no report, unless it was Ctrl-C that ended them both.
    const wanted = !output.failed.aborted || interruption.signal.aborted;
    const made = await ledger;
    const text =
      report.toString() +
      (made === undefined ? '' : ledgerText(made)) +
      (report.seen === 0 && made === undefined ? hidden(names, filters) : '');
    if (wanted && json) process.stderr.write(text);
    if (wanted && json && made !== undefined) await output.write(ledgerJson(made));
    if (wanted) await output.write(json ? report.toJson() : text);
  }
  process.exitCode = interruption.exitCode ?? 0;
}

/** A watch that has failed has none, and says why by itself. */
async function ledgerOf(drops: DropWatch): Promise<Ledger | undefined> {
  try {
    return await drops.ledger();
  } catch (error) {
    process.stderr.write(`There is no ledger: ${errorText(error)}\n`);
    return undefined;
  }
}

/** What may be the cause that there was nothing to see. */
function hidden(names: readonly string[], { netns }: Filters): string {
  try {
    return netns === 'all' ? '' : tapText(openTaps(netns, names).filter(hidesDrops));
  } catch {
    // The network namespace is gone: that nothing was seen there has its reason.
    return '';
  }
}
