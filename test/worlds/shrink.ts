import { possible } from './network.ts';
import { playRound } from './round.ts';
import type { Step, World } from './world.ts';

/** A fault may show in one round of several only. */
const TRIES = 4;

interface Failure {
  readonly world: World;
  readonly problems: readonly string[];
}

/** The smallest world found that fails as well; undefined: it does not fail again. */
export async function shrink(world: World, limitS: number): Promise<Failure | undefined> {
  let smallest = await failure(world, limitS);
  if (smallest === undefined) return undefined;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const steps of smallerSteps(smallest.world.steps)) {
      const candidate = { ...world, steps: possible(steps) };
      const size = JSON.stringify(candidate).length;
      if (size >= JSON.stringify(smallest.world).length) continue;
      const failed: Failure | undefined = await failure(candidate, limitS);
      if (failed === undefined) continue;
      smallest = failed;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

async function failure(world: World, limitS: number): Promise<Failure | undefined> {
  for (let left = TRIES; left > 0; left -= 1) {
    const { problems } = await playRound(world, limitS);
    if (problems.length > 0) return { world, problems };
  }
  return undefined;
}

/** The steps with one of them left out, or less in one of them: the later ones first. */
function* smallerSteps(steps: readonly Step[]): Generator<Step[]> {
  for (let at = steps.length - 1; at >= 0; at -= 1) yield steps.toSpliced(at, 1);
  for (const [at, step] of steps.entries()) {
    for (const smaller of smallerStep(step)) yield steps.with(at, smaller);
  }
}

function* smallerStep(step: Step): Generator<Step> {
  if (step.do !== 'send') return;
  const { streams, meanwhile } = step;
  for (const at of meanwhile.keys()) yield { ...step, meanwhile: meanwhile.toSpliced(at, 1) };
  if (streams.length > 1) {
    for (const at of streams.keys()) yield { ...step, streams: streams.toSpliced(at, 1) };
  }
  for (const [at, stream] of streams.entries()) {
    if (stream.count === 1) continue;
    for (const count of [1, Math.ceil(stream.count / 2)]) {
      yield { ...step, streams: streams.with(at, { ...stream, count }) };
    }
  }
}
