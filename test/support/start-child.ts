import {
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithoutStdio,
  spawn,
} from 'node:child_process';

/**
 * Starts a command that does not outlive this process, however that ends: prctl(2),
 * PR_SET_PDEATHSIG. A command that changes its user loses that.
 */
export function startChild(
  command: string,
  args: readonly string[],
  options?: SpawnOptionsWithoutStdio,
): ChildProcessWithoutNullStreams {
  return spawn('/usr/bin/setpriv', ['--pdeathsig=KILL', '--', command, ...args], options);
}
