import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { runInGuest, temporaryFolder } from '../test/vm/guest.mjs';
import { findKernel } from '../test/vm/kernels.mjs';
import { prepare } from '../test/vm/prepare.mjs';

/**
 * `others` in a guest, whose kernel has the module that dropwatch needs; with the peers that were
 * compiled into `folder`. Emulated, all is slower: read its table by its rows.
 */
export async function measureInGuest(folder) {
  const guest = await prepare(findKernel('6.1'));
  const results = temporaryFolder();
  cpSync(folder, join(results, 'peers'), { recursive: true });
  const command = 'node bench/main.mjs others --peers /results/peers';
  const code = await runInGuest(guest, command, results);
  if (code !== 0) throw new Error(`In the guest it ended with ${code}.`);
}
