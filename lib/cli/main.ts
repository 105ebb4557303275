#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { DropscopeError } from '../errors.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { EXIT_CODES, exitCodeOf, isBrokenPipe } from './exit-code.ts';
import { addInject } from './inject.ts';
import { Output } from './output.ts';
import { printable } from './printable.ts';
import { addStats } from './stats.ts';
import { addWatch } from './watch.ts';

const EXAMPLES = `
Examples:
  dropscope demo                                   see one drop, made and explained
  dropscope watch eth0                             who sends what eth0 drops, and why
  dropscope watch --scope all --json --count 100   all drops of this namespace, as JSON
  dropscope inject lo                              send a frame that the kernel drops
  dropscope stats eth0                             the counters of a link
  dropscope doctor                                 what works on this machine

Numbers are decimal, or hexadecimal with 0x. MAC addresses have colons or hyphens.

${EXIT_CODES}
`;

const { version }: { version: string } = createRequire(import.meta.url)('../../package.json');

const output = new Output(process.stdout);
// Nobody is left to be told.
process.stderr.on('error', () => {});

const program = new Command('dropscope')
  .description('Which frames does Linux drop, who sent them, and why')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  .addHelpText('after', EXAMPLES);
addWatch(program, output);
addInject(program, output);
addStats(program, output);
addDoctor(program, output);
addDemo(program, output);

try {
  await program.parseAsync();
} catch (error) {
  tell(error);
  process.exitCode = exitCodeOf(error);
}
await output.flush();
if (output.failed.aborted && !process.exitCode) {
  const error: unknown = output.failed.reason;
  if (!isBrokenPipe(error)) tell(error);
  process.exitCode = exitCodeOf(error);
}

/** One line for what can be expected to go wrong; more for what cannot. */
function tell(error: unknown): void {
  if (!(error instanceof CommanderError)) console.error(`dropscope: ${messageOf(error)}`);
  else if (error.exitCode !== 0 && error.code !== 'commander.help') {
    const message = error.message.replace(/^error: /, '').replace(/([^.])$/, '$1.');
    console.error(`dropscope: ${printable(message.replaceAll('\n', ' '))} See: dropscope --help`);
  }
}

function messageOf(error: unknown): string {
  const expected =
    error instanceof DropscopeError || (error instanceof Error && 'syscall' in error);
  if (expected) return printable(error.message);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
