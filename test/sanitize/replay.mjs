import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  addon,
  callWithOddValues,
  collectGarbage,
  countDescriptors,
  FLOOD_PLAN,
  FRAME,
  run,
} from './support/addon.mjs';

const { Replay } = addon;

const PLAN = {
  networkNamespace: undefined,
  ifindex: FLOOD_PLAN.ifindex,
  engine: 0,
  speed: 0,
  framesPerSecond: 0,
  source: undefined,
  destination: undefined,
};
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const AF_XDP = 1;
const RECEIVE_LIVE_FRAMES = 3;

/** Frames of all lengths from 0 on. */
const COUNT = 300;
const BYTES = new Uint8Array((COUNT * (COUNT - 1)) / 2).fill(7);
const LENGTHS = Uint32Array.from({ length: COUNT }, (_, i) => i);
const OFFSETS = LENGTHS.map((i) => (i * (i - 1)) / 2);
const BLOCK = [BYTES, OFFSETS, LENGTHS, new Float64Array(COUNT)];

run('ip', 'link set lo up');

for (const engine of [0, AF_XDP, RECEIVE_LIVE_FRAMES]) {
  it(`sends what it is given, by engine ${engine}`, async () => {
    const replay = await ended({ engine, source: MAC, destination: MAC }, (one) => {
      for (let i = 0; i < 20; i += 1) one.push(...BLOCK);
    });
    const { sent, bytes, refused, failure, waiting } = replay.progress();
    // Those of 13 bytes and less are refused with EINVAL.
    assert.deepEqual([sent, refused, failure], [20 * (COUNT - 14), [22, 20 * 14], undefined]);
    assert.equal(bytes, 20 * (BYTES.length - (14 * 13) / 2));
    assert.equal(waiting, 0);
    replay.close();
    replay.close();
    replay.stop();
    assert.throws(() => replay.push(...BLOCK), /closed/);
    assert.throws(() => replay.progress(), /closed/);
    assert.throws(() => replay.finish(), /closed/);
  });
}

it('ends without anything to send', async () => {
  const replay = await ended({}, () => {});
  assert.equal(replay.progress().sent, 0);
  replay.close();
});

it('refuses what reaches beyond its bytes, and whatever is no block', () => {
  const replay = new Replay(PLAN, () => {});
  const wrong = (...block) => assert.throws(() => replay.push(...block), RangeError);
  wrong(FRAME, Uint32Array.of(1), Uint32Array.of(60), new Float64Array(1));
  wrong(FRAME, Uint32Array.of(2 ** 32 - 1), Uint32Array.of(60), new Float64Array(1));
  wrong(FRAME, Uint32Array.of(0), Uint32Array.of(60), new Float64Array(2));
  wrong(FRAME, Uint32Array.of(0, 0), Uint32Array.of(60), new Float64Array(1));
  callWithOddValues((...args) => replay.push(...args), BLOCK);
  replay.close();
});

it('refuses bad plans', () => {
  callWithOddValues((plan) => new Replay(plan, () => {}).close(), [PLAN]);
  for (const name of Object.keys(PLAN)) {
    const withValue = (value) => new Replay({ ...PLAN, [name]: value }, () => {}).close();
    callWithOddValues(withValue, [PLAN[name]]);
  }
  const short = { ...PLAN, source: new Uint8Array(5) };
  assert.throws(() => new Replay(short, () => {}), RangeError);
});

it('survives times that are none', async () => {
  const times = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0];
  const four = Uint32Array.of(60, 60, 60, 60);
  const replay = new Replay({ ...PLAN, speed: 1 }, () => {});
  replay.push(FRAME, new Uint32Array(4), four, Float64Array.from(times));
  await new Promise((resolve) => setTimeout(resolve, 20));
  replay.close();
});

it('leaves no descriptor and no thread, closed or stopped in the middle', async () => {
  await collectGarbage();
  const before = countDescriptors();
  for (let i = 0; i < 20; i += 1) {
    new Replay(PLAN, () => {}).close();
    const slow = new Replay({ ...PLAN, framesPerSecond: 1 }, () => {});
    slow.push(...BLOCK);
    slow.close();
    const stopped = await ended({ framesPerSecond: 1 }, (one) => {
      one.push(...BLOCK);
      one.stop();
    });
    stopped.close();
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});

async function ended(plan, feed) {
  let changed = () => {};
  const replay = await opened({ ...PLAN, ...plan }, () => changed());
  feed(replay);
  replay.finish();
  while (!replay.progress().ended) {
    await new Promise((resolve) => {
      changed = resolve;
    });
  }
  return replay;
}

/** A queue that an AF_XDP socket had is busy for a while. */
async function opened(plan, onChange) {
  for (;;) {
    try {
      return new Replay(plan, onChange);
    } catch (error) {
      if (error.errno !== 16) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
