import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { HERE } from './cache.mjs';
import { spawnInNamespaces } from './namespaces.mjs';

/** A command that runs a command in a guest's root, on this machine: for spawnInNamespaces. */
export function inRoot({ root, cache }, command) {
  return ['sh', `${HERE}in-root.sh`, root, cache, process.execPath, ...command];
}

/**
 * Runs a command in a guest's root to its end, on this machine. Paths are those in the guest: the
 * checkout is /repo. It may have stap compile for the guest's kernel, some twenty times as fast as
 * in the guest, which then finds the module in its cache.
 */
export async function runInRoot(guest, command) {
  const child = spawnInNamespaces(inRoot(guest, command), { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}
