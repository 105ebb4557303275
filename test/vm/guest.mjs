// guest.mjs KERNEL [COMMAND...]: runs a command in a guest of that kernel; its exit code is this one's.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HERE } from './cache.mjs';
import { findKernel } from './kernels.mjs';
import { spawnInNamespaces } from './namespaces.mjs';
import { prepare } from './prepare.mjs';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...words] = process.argv.slice(2);
  const guest = await prepare(findKernel(name));
  process.exitCode = await runInGuest(guest, words.join(' '), temporaryFolder());
}

/**
 * Boots a prepared guest and runs a shell command in it, in /repo, with its output on `output`, a
 * descriptor. Gives the command's exit code, or 1 when it has not ended in half an hour. What it writes to /results is in `resultsFolder`
 * afterwards, and beside it kernel.log.
 */
export async function runInGuest(guest, command, resultsFolder, output = 1) {
  const boot = ['sh', `${HERE}boot.sh`, resultsFolder, process.execPath, command];
  const child = spawnInNamespaces(boot, { cwd: guest.folder, stdio: ['ignore', output, output] });
  const [code] = await once(child, 'close');
  return code;
}

/** A folder for results. It goes with this process, unless that is killed by SIGKILL. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'dropscope-vm-'));
  const leave = () => process.exit(1);
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  process.on('SIGINT', leave).on('SIGTERM', leave).on('SIGHUP', leave);
  return path;
}
