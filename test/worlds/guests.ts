import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const GUEST = fileURLToPath(new URL('../../test/vm/guest.mjs', import.meta.url));

/** A guest ends after half an hour; a round takes it a minute or more where it is emulated. */
const ROUNDS_A_GUEST = 10;
const LIMIT_S = 600;

interface Plan {
  readonly rounds: number;
  readonly seed: number;
  readonly jobs: string;
}

interface Counts {
  passed: number;
  failed: number;
}

/** Plays worlds in guests of a kernel, one guest after another. */
export async function playInGuests(kernel: string, { rounds, seed, jobs }: Plan): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0 };
  for (let done = 0; done < rounds; done += ROUNDS_A_GUEST) {
    const now = Math.min(ROUNDS_A_GUEST, rounds - done);
    const command = `node build/worlds/main.js --no-shrink --rounds ${now} --seed ${seed + done} --jobs ${jobs} --limit-s ${LIMIT_S}`;
    const child = spawn(process.execPath, [GUEST, kernel, command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.pipe(process.stdout);
    const output = await text(child.stdout);
    const [, passed = '0', failed] = /^(\d+) passed, (\d+) failed\s*$/m.exec(output) ?? [];
    counts.passed += Number(passed);
    // Without a last line the guest did not come to its end.
    counts.failed += failed === undefined ? now - Number(passed) : Number(failed);
  }
  return counts;
}
