// main.js [--rounds N] [--seed S] [--jobs N] [--limit-s N] [--kernel K] [--world FILE] [--no-shrink]
// [--print]: plays a world for each seed from S on, or the one in FILE, each for at most --limit-s seconds,
// and judges what dropscope reports; with --kernel in guests of that kernel. A world that fails is shrunk
// to the smallest that fails as well. The last line reads `N passed, N failed`.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { featuresHere } from './features.ts';
import { playInGuests } from './guests.ts';
import { drawWorld } from './model.ts';
import { playRound } from './round.ts';
import { shrink } from './shrink.ts';
import { FEATURES, type World } from './world.ts';
import { compileXdpDrop, XDP_DROP } from './xdp-drop.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    'limit-s': { type: 'string', default: '120' },
    kernel: { type: 'string' },
    world: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
  },
});
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
const limitS = Number(values['limit-s']);
// A guest has no compiler, and cannot write here.
if (!existsSync(XDP_DROP)) compileXdpDrop();
const counts =
  values.kernel === undefined
    ? await playHere()
    : await playInGuests(values.kernel, { rounds, seed, jobs: values.jobs });
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

async function playHere(): Promise<{ passed: number; failed: number }> {
  const features = featuresHere();
  const worlds =
    values.world === undefined
      ? Array.from({ length: rounds }, (_, index) => drawWorld(seed + index, features))
      : [JSON.parse(readFileSync(values.world, 'utf8')) as World];
  const missing = FEATURES.filter((feature) => !features.includes(feature));
  console.log(`This kernel cannot make: ${missing.join(', ') || 'it can make all'}.`);
  const begun = performance.now();
  const found = { passed: 0, failed: 0 };
  const queue = [...worlds];
  const playOn = async () => {
    for (let world = queue.shift(); world !== undefined; world = queue.shift()) {
      found[(await passes(world)) ? 'passed' : 'failed'] += 1;
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, playOn));
  const seconds = (performance.now() - begun) / 1000 / worlds.length;
  console.log(`${seconds.toFixed(2)} s a round`);
  return found;
}

async function passes(world: World): Promise<boolean> {
  if (values.print) console.log(JSON.stringify(world));
  const { problems } = await playRound(world, limitS);
  if (problems.length === 0) return true;
  console.log(`seed ${world.seed} failed:\n  ${problems.join('\n  ')}`);
  if (values['no-shrink']) return false;
  const smallest = await shrink(world, limitS);
  if (smallest === undefined) {
    console.log(`seed ${world.seed}: it did not fail again, so it is not shrunk.`);
    return false;
  }
  console.log(`seed ${world.seed}, its smallest world:\n  ${smallest.problems.join('\n  ')}`);
  console.log('Play it: npm run test:worlds -- --world FILE, with this in FILE:');
  console.log(JSON.stringify(smallest.world));
  return false;
}
