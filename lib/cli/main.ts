#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { errorJson, errorText, isHelp } from './error-text.ts';
import { EXIT_CODES, exitCodeOf, isBrokenPipe } from './exit-code.ts';
import { addInject } from './inject.ts';
import { Output } from './output.ts';
import { addRecipe } from './recipe.ts';
import { addReplay } from './replay.ts';
import { addStats } from './stats.ts';
import { addSystemtap } from './systemtap.ts';
import { addTop } from './top.ts';
import { addWatch } from './watch.ts';

const EXAMPLES = `
Examples:
  dropscope demo                                   see one drop, made and explained
  dropscope watch eth0                             who sends what eth0 drops, and why
  dropscope watch --scope all --json --count 100   all drops of this namespace, as JSON
  dropscope top                                    who sends most of it, and how fast
  dropscope inject lo                              send a frame that the kernel drops
  dropscope stats eth0                             the counters of a link
  dropscope doctor                                 what works on this machine
  dropscope recipe                                 how it began, as a SystemTap script

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
addTop(program, output);
addInject(program, output);
addReplay(program, output);
addStats(program, output);
addDoctor(program, output);
addDemo(program, output);
addSystemtap(program, output);
addRecipe(program, output);

try {
  await program.parseAsync();
} catch (error) {
  if (!isHelp(error)) await tell(error);
  process.exitCode = exitCodeOf(error);
}
await output.flush();
if (output.failed.aborted && !process.exitCode) {
  const error: unknown = output.failed.reason;
  if (!isBrokenPipe(error)) await tell(error);
  process.exitCode = exitCodeOf(error);
}

async function tell(error: unknown): Promise<void> {
  console.error(`dropscope: ${errorText(error)}`);
  // Not as an option of the command: the call may be too wrong to have one.
  if (process.argv.includes('--json')) await output.write(errorJson(error));
}
