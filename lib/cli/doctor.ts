import { styleText } from 'node:util';
import type { Command } from 'commander';
import { DropscopeError } from '../errors.ts';
import { checkProbes, openInjector, readLinkStats } from '../index.ts';
import { openTaps } from '../link/taps.ts';
import type { ProbeReport } from '../probes/probe.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';
import { tapJson, tapText } from './tap-text.ts';

/** Whether a command other than `watch` works here; 'receive': `inject --receive`. */
type Check = Omit<ProbeReport, 'probe' | 'remarks' | 'details'> & {
  readonly check: 'inject' | 'receive' | 'stats';
};

/** LOOPBACK_IFINDEX in net/loopback.h: every network namespace has it. */
const LOOPBACK = 1;

/** Adds `dropscope doctor` to the program. */
export function addDoctor(program: Command, output: Output): void {
  program
    .command('doctor')
    .description('tell what works here, what to do about what does not, and what hides drops')
    .option('--json', 'one object a line')
    .action(async ({ json = false }: { json?: boolean }) => {
      const reports = await checkProbes();
      const checks = [
        await attempt('inject', () => openInjector(LOOPBACK).close()),
        await attempt('receive', () => openInjector(LOOPBACK, { direction: 'receive' }).close()),
        await attempt('stats', () => readLinkStats()),
      ];
      await output.write(json ? toJson(reports, checks) : toText(reports, checks));
      process.exitCode = reports.some(seesFrames) ? 0 : 1;
    });
}

/** The counters probe works everywhere, and sees none. */
function seesFrames({ probe, available }: ProbeReport): boolean {
  return available && probe !== 'counters';
}

async function attempt(check: Check['check'], run: () => unknown): Promise<Check> {
  try {
    await run();
    return { check, available: true };
  } catch (error) {
    if (!(error instanceof DropscopeError)) throw error;
    return { check, available: false, reason: error.reason, mend: error.mend };
  }
}

function toJson(reports: readonly ProbeReport[], checks: readonly Check[]): string {
  const probeLines = reports.map(({ reason = null, mend = null, ...report }) =>
    jsonLine({ event: 'probe', ...report, reason, mend }),
  );
  const checkLines = checks.map(({ check, available, reason = null, mend = null }) =>
    jsonLine({ event: 'check', check, available, reason, mend }),
  );
  const tapLines = openTaps().map((tap) => jsonLine({ event: 'tap', ...tapJson(tap) }));
  return [...probeLines, ...checkLines, ...tapLines].join('');
}

function toText(reports: readonly ProbeReport[], checks: readonly Check[]): string {
  return [
    ...reports.map((report) =>
      verdict(report.probe, report, [...report.remarks, ...report.details]),
    ),
    ...checks.map((report) => verdict(report.check, report, [])),
    tapText(openTaps()),
  ].join('');
}

function verdict(
  name: string,
  { available, reason, mend }: Pick<ProbeReport, 'available' | 'reason' | 'mend'>,
  remarks: readonly string[],
): string {
  const works = available ? styleText('green', 'works') : styleText('red', 'does not work');
  const notes = [reason, mend, ...remarks].filter((note) => note !== undefined && note !== '');
  return `${[`${styleText('bold', name)} ${works}`, ...notes].join('\n  ')}\n`;
}
