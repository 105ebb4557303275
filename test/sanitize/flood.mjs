import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  addon,
  callWithOddValues,
  collectGarbage,
  countDescriptors,
  FLOOD_PLAN,
  FRAME,
  ODD_VALUES,
  run,
} from './support/addon.mjs';

const { Flood } = addon;

const FIELD = {
  kind: 0,
  width: 6,
  offsets: Uint32Array.of(6),
  numbers: BigUint64Array.of(2n ** 48n - 1n, 1n, 1000n, 1n),
};
const FIELDS = [
  FIELD,
  { ...FIELD, kind: 1, width: 8, offsets: Uint32Array.of(52) },
  { ...FIELD, kind: 2, numbers: BigUint64Array.of(2n ** 64n - 1n, 2n ** 64n - 1n) },
];

run('ip', 'link set lo up');

async function ended(plan) {
  let flood;
  await new Promise((resolve) => {
    flood = new Flood({ ...FLOOD_PLAN, ...plan }, resolve);
  });
  return flood;
}

it('sends, varies, and calls back at its end', async () => {
  const flood = await ended({ fields: FIELDS, count: 100_001, threads: 3 });
  const { sent, bytes, failure, refused } = flood.progress();
  assert.deepEqual(
    { sent, bytes, failure, refused },
    {
      sent: 100_001,
      bytes: 6_000_060,
      failure: undefined,
      refused: [],
    },
  );
  flood.close();
  flood.close();
  flood.stop();
  assert.throws(() => flood.progress(), /closed/);
});

const AF_XDP = 1;
const LIVE_FRAMES = 2;
const RECEIVE_LIVE_FRAMES = 3;

for (const engine of [AF_XDP, RECEIVE_LIVE_FRAMES]) {
  it(`does the same by engine ${engine}`, async () => {
    const packed = new Uint8Array(60 + 4090).fill(7);
    const lengths = Uint32Array.of(60, engine === AF_XDP ? 4090 : 3400);
    const fields = FIELDS.map((field) => ({ ...field, offsets: Uint32Array.of(0, 3000) }));
    const flood = await ended({ engine, packed, lengths, fields, count: 50_001, threads: 1 });
    const { sent, failure, refused } = flood.progress();
    assert.deepEqual([sent, failure, refused], [50_001, undefined, []]);
    flood.close();
  });
}

it('finds out that live frames do not leave lo', async () => {
  const flood = await ended({ engine: LIVE_FRAMES, count: 1000 });
  const { sent, failure, refused, verified } = flood.progress();
  assert.deepEqual([sent, failure.syscall, refused.length], [0, 'bpf', 2]);
  assert.equal(verified[1] - verified[0], 0n);
  flood.close();
});

it('receives frame by frame', () => {
  const receiver = new addon.LiveReceiver(1);
  for (let i = 0; i < 100; i += 1) receiver.receive(FRAME);
  assert.throws(() => receiver.receive(new Uint8Array(13)), { syscall: 'bpf' });
  assert.throws(() => receiver.receive(new Uint8Array(3401)), { syscall: 'bpf' });
  callWithOddValues((frame) => receiver.receive(frame), [FRAME]);
  callWithOddValues(
    (ifindex, path) => new addon.LiveReceiver(ifindex, path).close(),
    [1, '/proc/self/ns/net'],
  );
  receiver.close();
  receiver.close();
  assert.throws(() => receiver.receive(FRAME), /closed/);
});

it('is told of each refusal by errno', async () => {
  let flood;
  await new Promise((resolve) => {
    flood = new Flood({ ...FLOOD_PLAN, ifindex: 12_345_678, count: 1 }, resolve);
  }).catch((error) => assert.equal(error.syscall, 'bind'));
  flood?.close();
});

it('refuses bad plans', () => {
  const withPlan = (change) => () => new Flood({ ...FLOOD_PLAN, ...change }, () => {}).close();
  callWithOddValues((plan) => new Flood(plan, () => {}).close(), [{ ...FLOOD_PLAN, count: 1 }]);
  for (const name of Object.keys(FLOOD_PLAN)) {
    callWithOddValues((value) => withPlan({ [name]: value })(), [FLOOD_PLAN[name]]);
  }
  for (const name of Object.keys(FIELD)) {
    for (const value of ODD_VALUES) {
      assert.throws(withPlan({ fields: [{ ...FIELD, [name]: value }] }), Error);
    }
  }
  const wrong = (change) => withPlan({ fields: [{ ...FIELD, ...change }] });
  assert.throws(wrong({ offsets: Uint32Array.of(55) }), RangeError);
  assert.throws(wrong({ offsets: Uint32Array.of(2 ** 32 - 1) }), RangeError);
  assert.throws(wrong({ offsets: Uint32Array.of(6, 6) }), RangeError);
  assert.throws(wrong({ numbers: BigUint64Array.of(1n, 0n, 0n, 1n) }), RangeError);
  assert.throws(wrong({ numbers: BigUint64Array.of(1n, 0n, 1n) }), RangeError);
  assert.throws(wrong({ kind: 2, numbers: BigUint64Array.of(1n) }), RangeError);
  assert.throws(withPlan({ lengths: Uint32Array.of(FRAME.length + 1) }), RangeError);
  assert.throws(withPlan({ lengths: new Uint32Array() }), RangeError);
});

it('leaves no descriptor and no thread, closed or stopped in the middle', async () => {
  await collectGarbage();
  const before = countDescriptors();
  for (let i = 0; i < 20; i += 1) {
    const plan = { ...FLOOD_PLAN, engine: i % 2 === 0 ? 0 : RECEIVE_LIVE_FRAMES };
    new Flood(plan, () => {}).close();
    await new Promise((resolve) => {
      const flood = new Flood(plan, () => {
        flood.close();
        resolve();
      });
      setTimeout(() => flood.stop(), 1);
    });
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});
