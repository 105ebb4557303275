// main.js [--rounds N] [--seed S] [--jobs N] [--world FILE] [--no-shrink] [--print]: plays a world for each
// seed from S on, or the one in FILE, and judges what dropscope reports. A world that fails is shrunk
// to the smallest that fails as well. The last line reads `N passed, N failed`.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { featuresHere } from './features.ts';
import { drawWorld } from './model.ts';
import { playRound } from './round.ts';
import { shrink } from './shrink.ts';
import { FEATURES, type World } from './world.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    world: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const first = Number(values.seed);
const features = featuresHere();
const worlds =
  values.world === undefined
    ? Array.from({ length: rounds }, (_, index) => drawWorld(first + index, features))
    : [JSON.parse(readFileSync(values.world, 'utf8')) as World];

const missing = FEATURES.filter((feature) => !features.includes(feature));
console.log(
  `${worlds.length} worlds from seed ${worlds[0]?.seed}; not here: ${missing.join(', ') || 'nothing'}`,
);
const begun = performance.now();
const counts = { passed: 0, failed: 0 };
const queue = [...worlds];
await Promise.all(Array.from({ length: Number(values.jobs) }, playOn));
const seconds = (performance.now() - begun) / 1000 / worlds.length;
console.log(`${seconds.toFixed(2)} s a round`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

async function playOn(): Promise<void> {
  for (let world = queue.shift(); world !== undefined; world = queue.shift()) await playOne(world);
}

async function playOne(world: World): Promise<void> {
  if (values.print) console.log(JSON.stringify(world));
  const { problems } = await playRound(world);
  counts[problems.length === 0 ? 'passed' : 'failed'] += 1;
  if (problems.length === 0) return;
  console.log(`seed ${world.seed} failed:\n  ${problems.join('\n  ')}`);
  if (values['no-shrink']) return;
  const smallest = await shrink(world);
  if (smallest === undefined) {
    console.log(`seed ${world.seed}: it did not fail again, so it is not shrunk.`);
    return;
  }
  console.log(`seed ${world.seed}, its smallest world:\n  ${smallest.problems.join('\n  ')}`);
  console.log(`Play it: npm run test:worlds -- --world FILE, with this in FILE:`);
  console.log(JSON.stringify(smallest.world));
}
