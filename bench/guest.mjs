import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInGuest, temporaryFolder } from '../test/vm/guest.mjs';
import { findKernel } from '../test/vm/kernels.mjs';
import { prepare } from '../test/vm/prepare.mjs';
import { compilePeers } from './peers.mjs';

/**
 * `others` in a guest, whose kernel has the module that dropwatch needs: `npm run bench guest`. It prints
 * its table itself. Emulated, all is slower by the same factor, more or less: read it by its rows.
 */
export async function measure() {
  const guest = await prepare(findKernel('6.1'));
  const results = temporaryFolder();
  const peers = join(results, 'peers');
  mkdirSync(peers);
  compilePeers(peers);
  const code = await runInGuest(
    guest,
    'node bench/main.mjs others --quick --peers /results/peers',
    results,
  );
  if (code !== 0) throw new Error(`In the guest it ended with ${code}.`);
}
