import { styleText } from 'node:util';
import type { Command } from 'commander';
import { checkProbes } from '../index.ts';
import type { ProbeReport } from '../probes/probe.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';

/** Adds `dropscope doctor` to the program. */
export function addDoctor(program: Command, output: Output): void {
  program
    .command('doctor')
    .description('tell which probes work here, and what to do about those that do not')
    .option('--json', 'one object a line')
    .action(async ({ json = false }: { json?: boolean }) => {
      const reports = await checkProbes();
      await output.write(reports.map(json ? reportJson : reportText).join(''));
      process.exitCode = reports.some(({ available }) => available) ? 0 : 1;
    });
}

function reportJson({ probe, available, reason, mend, remarks }: ProbeReport): string {
  return jsonLine({
    event: 'probe',
    probe,
    available,
    reason: reason ?? null,
    mend: mend ?? null,
    remarks,
  });
}

function reportText({ probe, available, reason, mend, remarks }: ProbeReport): string {
  const verdict = available ? styleText('green', 'works') : styleText('red', 'does not work');
  const notes = [reason, mend, ...remarks].filter((note) => note !== undefined && note !== '');
  return `${[`${styleText('bold', probe)} ${verdict}`, ...notes].join('\n  ')}\n`;
}
