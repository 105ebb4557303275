import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { loopbackUp } from './network.mjs';

const OPENS = 15;
const INDEX = new URL('../dist/index.js', import.meta.url).href;

/** From which the build made what watchDrops() loads. */
const PROGRAM = fileURLToPath(
  new URL('../build/Release/obj/gen/drop_tracer.bpf.o', import.meta.url),
);

/** What a fresh process does: times `watchDrops` and prints the seconds. */
const OPEN = `
  import { watchDrops } from ${JSON.stringify(INDEX)};
  const start = performance.now();
  const watch = await watchDrops({ interface: 'lo' });
  console.log((performance.now() - start) / 1000);
  await watch.close();`;

/** From the call of watchDrops() until it is armed, each time the first of a fresh process. */
export async function measure({ scale, peers }) {
  loopbackUp();
  const opens = [];
  const verifier = [];
  for (let i = 0; i < Math.max(3, OPENS * scale); i++) {
    opens.push(Number(execFileSync(process.execPath, ['--input-type=module', '--eval', OPEN])));
    verifier.push(peers.runBlocking('verifier_time', PROGRAM).seconds);
  }
  const milliseconds = unit(' ms', 1, 1e3);
  const verifierTime = median(verifier);
  return {
    title: `Arming: median of ${opens.length} first opens`,
    heads: ['', ...TARGET_HEADS],
    rows: [
      ['watchDrops() until armed', ...targetCells(median(opens), 0.2, verifierTime, milliseconds)],
      ["the kernel's verifier alone", milliseconds(verifierTime), '', '', ''],
    ],
  };
}
