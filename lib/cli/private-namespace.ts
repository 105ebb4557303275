import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { Interruption } from './interruption.ts';
import { runProgram } from './run-program.ts';

/** Tells the child which namespace it is not in. */
const OUTSIDE = 'DROPSCOPE_OUTSIDE';

/** Whether this process was started by `runInPrivateNamespace`. */
export function inPrivateNamespace(): boolean {
  const outside = process.env[OUTSIDE];
  return outside !== undefined && outside !== ownNamespace();
}

/** Runs this command line again in a new network namespace; resolves with its exit code. */
export async function runInPrivateNamespace(): Promise<number> {
  // Asked first, because the real one's stderr goes to the terminal.
  await runProgram('util-linux', 'unshare', '--net', '--', 'true');
  const { execPath, execArgv, argv, env } = process;
  const child = spawn('unshare', ['--net', '--', execPath, ...execArgv, ...argv.slice(1)], {
    stdio: 'inherit',
    env: { ...env, [OUTSIDE]: ownNamespace() },
  });
  using interruption = new Interruption();
  interruption.signal.addEventListener('abort', () => child.kill());
  await once(child, 'close');
  return interruption.exitCode ?? child.exitCode ?? 128 + signalNumber(child.signalCode);
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}

/** `net:[4026531840]` */
function ownNamespace(): string {
  return readlinkSync('/proc/self/ns/net');
}
