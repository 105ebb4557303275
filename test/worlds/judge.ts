import { fatesOf } from './fates.ts';
import { judgeLedger } from './judge-ledger.ts';
import { judgeReports } from './judge-reports.ts';
import type { Observed } from './observed.ts';
import { type StreamOfWorld, WatchCase } from './watch-case.ts';
import type { World } from './world.ts';

/** What a process with a few watches may take at most. */
const MOST_RESIDENT_MIB = 400;

/** What is wrong with what became known of a world, in sentences. Nothing: all is as it must be. */
export function judge(world: World, observed: Observed): string[] {
  const fates = fatesOf(world);
  const streams = observed.streams.flatMap((stream): StreamOfWorld[] => {
    const fate = fates.find(({ step, index }) => step === stream.step && index === stream.index);
    return fate === undefined ? [] : [{ ...fate, ...stream }];
  });
  const cases = observed.watches.map((watch) => new WatchCase(world, observed, streams, watch));
  for (const one of cases) judgeWatch(one);
  return [...cases.flatMap(({ problems }) => problems), ...judgeProcess(observed)];
}

function judgeWatch(one: WatchCase): void {
  const { errors, ledgers } = one.watch;
  const mayEnd = one.step.interfaces?.some((key) => one.isUnsteady(key)) ?? false;
  for (const error of errors) {
    if (!(mayEnd && /There is no interface|gone|left|deleted|ERR_INTERFACE_GONE/.test(error))) {
      one.say(`it failed: ${error}`);
    }
  }
  for (const ledger of ledgers) judgeLedger(one, ledger);
  judgeReports(one);
}

function judgeProcess({ leaked, residentMiB }: Observed): string[] {
  const problems: string[] = [];
  if (leaked.descriptors > 0) problems.push(`${leaked.descriptors} descriptors are left open.`);
  if (leaked.bpf > 0) problems.push(`${leaked.bpf} handles on BPF objects are left.`);
  if (residentMiB > MOST_RESIDENT_MIB) problems.push(`The process takes ${residentMiB} MiB.`);
  return problems;
}
