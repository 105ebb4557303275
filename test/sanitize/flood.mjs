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

it('sends, varies, and calls back at its end', async () => {
  const plan = { ...FLOOD_PLAN, fields: FIELDS, count: 100_001, threads: 3 };
  let flood;
  await new Promise((resolve) => {
    flood = new Flood(plan, resolve);
  });
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
    new Flood(FLOOD_PLAN, () => {}).close();
    await new Promise((resolve) => {
      const flood = new Flood(FLOOD_PLAN, () => {
        flood.close();
        resolve();
      });
      setTimeout(() => flood.stop(), 1);
    });
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});
