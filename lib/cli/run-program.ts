import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { programFailed, programMissing } from './demo-errors.ts';

const run = promisify(execFile);

/** Runs a program of a Debian package to its end; gives its output, throws what it complained of. */
export async function runProgram(
  debianPackage: string,
  program: string,
  ...args: string[]
): Promise<string> {
  try {
    const { stdout } = await run(program, args, { env: { ...process.env, LC_ALL: 'C' } });
    return stdout;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'ENOENT') throw programMissing(program, debianPackage);
    const stderr = 'stderr' in error ? String(error.stderr) : '';
    throw programFailed([program, ...args].join(' '), stderr === '' ? error.message : stderr);
  }
}
