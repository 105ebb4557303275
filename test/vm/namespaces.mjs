import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Starts a command in mount and PID namespaces of its own. Whatever it mounts or leaves running ends
 * with it, and with this process, however that ends: the kernel sees to it.
 */
export function spawnInNamespaces(command, options) {
  const enter = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--'];
  return spawn('setpriv', ['--pdeathsig=KILL', '--', 'unshare', ...enter, ...command], options);
}

/** Runs it to its end. Rejects unless that is exit code 0. */
export async function runInNamespaces(command, stdio) {
  const [code] = await once(spawnInNamespaces(command, { stdio }), 'close');
  if (code !== 0) throw new Error(`${command.join(' ')} ended with exit code ${code}.`);
}
