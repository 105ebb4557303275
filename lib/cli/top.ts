import type { Command } from 'commander';
import { MOST_TALKERS } from '../drops/talker-table.ts';
import { DropscopeError } from '../errors.ts';
import type { DropSummary, DropWatch } from '../index.ts';
import { integer, seconds } from './arguments.ts';
import { addFilters, armWatch, type Filters, onAbort, subjectText, timeout } from './arm-watch.ts';
import { Interruption } from './interruption.ts';
import { Keys } from './keys.ts';
import { Losses } from './losses.ts';
import type { Output } from './output.ts';
import { Screen } from './screen.ts';
import { TalkerRates, topJson, topText } from './top-table.ts';

interface TopOptions extends Filters {
  readonly every: number;
  readonly rows: number;
  readonly duration?: number;
  readonly json?: boolean;
}

const AFTER_HELP = `
Drops are counted by talker inside the kernel, so that no rate is too high. A count
with "+n" may be too low by up to n; these drops are among "others". On a terminal,
q or Ctrl-C ends it; where that is narrow, the destination, the location and the
EtherType are left out.

Examples:
  dropscope top
  dropscope top eth0 --every 5 --rows 10
  dropscope top --json --duration 60 | jq '.talkers[0]'
`;

/** Adds `dropscope top` to the program. */
export function addTop(program: Command, output: Output): void {
  const command = program
    .command('top')
    .description(
      'show who sends what the kernel drops, and how fast: a table that is kept up to date',
    )
    .argument('[interface...]', 'their names; without any: all of the network namespace');
  addFilters(command)
    .option('--every <time>', 'how often, in seconds', seconds('--every'), 1)
    .option('--rows <n>', 'how many talkers, the fastest first', integer('--rows', 1), 20)
    .option('--duration <time>', 'end after so many seconds, or 5m, 2h', seconds('--duration'))
    .option('--json', 'one object a line, for each time')
    .addHelpText('after', AFTER_HELP)
    .action((names: string[], options: TopOptions) => top([...new Set(names)], options, output));
}

async function top(
  names: readonly string[],
  { every, rows, duration, json = false, ...filters }: TopOptions,
  output: Output,
): Promise<void> {
  using interruption = new Interruption();
  const everyMs = Math.round(every * 1000);
  // All: the fastest of this moment are not the loudest so far.
  const delivery = { deliver: 'summary', everyMs, talkerLimit: MOST_TALKERS } as const;
  const armed = await armWatch(names, filters, interruption, delivery);
  if (armed === undefined) {
    process.exitCode = interruption.exitCode ?? 0;
    return;
  }
  await using drops = armed;
  using keys = new Keys();
  const ends = [interruption.signal, keys.quit, output.failed, ...timeout(duration)];
  onAbort(ends, () => void drops.close());
  const subject = subjectText(names, filters, drops.probe);
  process.stderr.write(`${json ? '' : `Watching ${subject}\n`}ready\n`);
  if (!json && process.stdout.isTTY) keys.listen();
  const rates = new TalkerRates(everyMs);
  const screen = new Screen(output);
  const show = async (summary: DropSummary) => {
    const talkers = rates.of(summary).slice(0, rows);
    if (json) await output.write(topJson(summary, talkers));
    else await screen.draw(topText(summary, talkers, lossesOf(drops), screen.columns));
  };
  // A reader who is slow gets fewer of them.
  drops.on('summary', (summary) => {
    if (!output.full) void show(summary);
  });
  const failure = await ended(drops);
  await show(await drops.summary());
  if (failure !== undefined) throw failure;
  process.exitCode = interruption.exitCode ?? 0;
}

/** Resolves when the watch has closed, with what it failed with. */
function ended(drops: DropWatch): Promise<DropscopeError | undefined> {
  return new Promise((resolve, reject) => {
    drops.once('error', (error) => {
      if (error instanceof DropscopeError) resolve(error);
      else reject(error);
    });
    drops.once('close', () => resolve(undefined));
  });
}

function lossesOf({ lost, probe }: DropWatch): Losses {
  const losses = new Losses();
  for (const where of ['kernel', 'queue', 'output'] as const) {
    if (lost[where] > 0) losses.add({ probe, where, count: lost[where] });
  }
  return losses;
}
