import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { invalidArgument } from '../errors.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

const AFTER_HELP = `
The module runs on machines that have only staprun (Debian: systemtap-runtime):
  dropscope watch eth0 --probe systemtap --module <file>
`;

/** Adds `dropscope systemtap` to the program. */
export function addSystemtap(program: Command, output: Output): void {
  program
    .command('systemtap')
    .description('prepare the systemtap probe')
    .command('build')
    .description("compile the probe's module, for this kernel or another")
    .option('--release <release>', 'of the kernel, as in uname -r', release())
    .option('--output <file>', 'the module, which ends in .ko; it cannot be renamed later')
    .option('--json', 'one object a line')
    .addHelpText('after', AFTER_HELP)
    .action((options: BuildCommandOptions) => build(options, output));
}

interface BuildCommandOptions {
  readonly release: string;
  readonly output?: string;
  readonly json?: boolean;
}

async function build(options: BuildCommandOptions, output: Output): Promise<void> {
  const {
    release: kernel,
    output: file = `dropscope_${kernel.replace(/\W/g, '_').slice(0, 38)}.ko`,
  } = options;
  if (!/(^|\/)\w{8,48}\.ko$/.test(file)) {
    const mend = 'The name of a module is 8 to 48 letters, digits and _.';
    throw invalidArgument('--output', 'a file name such as dropscope.ko', file, mend);
  }
  if (!existsSync(dirname(file))) {
    throw invalidArgument('--output', 'a file in a folder that exists', file);
  }
  const { buildProbeModule } = await import('../probes/systemtap/systemtap.ts');
  const onStep = (step: string) => process.stderr.write(`${printable(step)}\n`);
  const module = await buildProbeModule({ release: kernel, output: file, onStep });
  await output.write(
    options.json ? jsonLine({ event: 'module', release: kernel, module }) : `${module}\n`,
  );
}
