import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  addon,
  callWithOddValues,
  collectGarbage,
  countDescriptors,
  detached,
  drop,
  LO,
  ODD_VALUES,
  open,
  openTracer,
  run,
  TRACER_OPTIONS,
} from './support/addon.mjs';

const { DropTracer } = addon;

const OPTIONS = {
  ...TRACER_OPTIONS,
  ifindexes: [LO],
  etherTypes: [0x4321],
  destinations: [new Uint8Array(6)],
};

run('ip', 'link set lo up');

it('wakes, drains and counts what was lost', async () => {
  let wake;
  const woken = new Promise((resolve) => {
    wake = resolve;
  });
  const tracer = await openTracer(OPTIONS, wake);
  assert.equal(tracer.wakeOnNext(), true);
  drop(10);
  await woken;
  assert.equal(tracer.drain(roomFor(4, tracer)), 4);
  assert.equal(tracer.drain(roomFor(100, tracer)), 6);
  assert.equal(tracer.drain(roomFor(100, tracer)), 0);
  drop(2000);
  const kept = tracer.drain(roomFor(10_000, tracer));
  assert.equal(kept + tracer.lost(), 2000);
  drop(1);
  tracer.detach();
  drop(1);
  assert.equal(tracer.drain(roomFor(100, tracer)), 1);
  tracer.close();
});

it('writes whole records only, and nothing behind them', async () => {
  const tracer = await openTracer(OPTIONS);
  drop(3);
  const into = new ArrayBuffer(2 * tracer.recordBytes + 7);
  const rest = new Uint8Array(into, 2 * tracer.recordBytes).fill(0xaa);
  assert.equal(tracer.drain(new ArrayBuffer(tracer.recordBytes - 1)), 0);
  assert.equal(tracer.drain(into), 2);
  assert.ok(rest.every((byte) => byte === 0xaa));
  assert.equal(tracer.drain(detached(new Uint8Array(10 * tracer.recordBytes)).buffer), 0);
  assert.equal(tracer.drain(into), 1);
  tracer.close();
});

it('counts by talker, and keeps accounts', async () => {
  const tracer = await openTracer({ ...OPTIONS, summary: true });
  drop(1000);
  const { talkers, others, mostMissing } = tracer.takeTalkers(100);
  assert.deepEqual([talkers.byteLength, others, mostMissing], [88, 0, 0]);
  assert.equal(new DataView(talkers).getBigUint64(40, true), 1000n);
  assert.equal(tracer.takeTalkers(100).talkers.byteLength, 0);
  drop(3);
  const cut = tracer.takeTalkers(0);
  assert.deepEqual([cut.talkers.byteLength, cut.others, cut.mostMissing], [0, 3, 3]);
  const accounts = new DataView(tracer.accounts());
  const links = Array.from({ length: accounts.byteLength / 216 }, (_, i) => i * 216);
  const own = links.filter((at) => accounts.getBigUint64(at + 40, true) === 1003n);
  assert.equal(own.length, 1);
  callWithOddValues((limit) => tracer.takeTalkers(limit), [1]);
  tracer.close();
});

it('measures the driver’s part of the counters, and may be closed meanwhile', async () => {
  const tracer = await openTracer(OPTIONS);
  for (const allLinks of [true, false]) {
    await new Promise((resolve) => tracer.measure(allLinks, resolve));
  }
  const measured = new Promise((resolve) => tracer.measure(true, resolve));
  tracer.close();
  await measured;
  const other = await openTracer(OPTIONS);
  callWithOddValues((...args) => other.measure(...args), [true, () => {}]);
  await new Promise((resolve) => other.measure(true, resolve));
  other.close();
});

it('enters another network namespace, and leaves none open', async () => {
  const networkNamespace = '/proc/self/ns/net';
  const before = countDescriptors();
  const tracer = await openTracer({ ...OPTIONS, networkNamespace });
  drop(2);
  assert.equal(tracer.drain(roomFor(10, tracer)), 2);
  tracer.close();
  assert.equal(countDescriptors(), before);
  for (const path of ['/nowhere', '/dev/null', '/proc/self/ns/mnt', '']) {
    assert.throws(() => new DropTracer({ ...OPTIONS, networkNamespace: path }, () => {}), {
      syscall: /open|setns|ioctl/,
    });
  }
  assert.equal(countDescriptors(), before);
});

it('refuses bad arguments', async () => {
  callWithOddValues((...args) => new DropTracer(...args), [OPTIONS, () => {}]);
  const values = [
    ...ODD_VALUES,
    [...ODD_VALUES],
    [detached(new Uint8Array(6))],
    [new Uint8Array(5)],
  ];
  for (const name of Object.keys(OPTIONS)) {
    for (const value of values) {
      try {
        new DropTracer({ ...OPTIONS, [name]: value }, () => {}).close();
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
  }
  const throwing = Object.defineProperty({ ...OPTIONS }, 'reasons', { get: assert.fail });
  assert.throws(() => new DropTracer(throwing, () => {}), assert.AssertionError);
  const tracer = await openTracer();
  callWithOddValues((into) => tracer.drain(into), [new ArrayBuffer(0)]);
  tracer.close();
});

it('tells what the kernel refuses', async () => {
  for (const ringBytes of [0, 1000, 4097, 2 ** 32 - 1]) {
    await assert.rejects(openTracer({ ...OPTIONS, ringBytes }), { syscall: /.+/ });
  }
});

it('refuses everything before open and after close', async () => {
  const refusesAll = (tracer) => {
    for (const method of [
      'drain',
      'takeTalkers',
      'accounts',
      'measure',
      'lost',
      'wakeOnNext',
      'ref',
      'unref',
      'detach',
    ]) {
      assert.throws(() => tracer[method](1), Error);
    }
    assert.throws(() => tracer.recordBytes, Error);
  };
  const tracer = new DropTracer(OPTIONS, () => {});
  refusesAll(tracer);
  await open(tracer);
  assert.throws(() => tracer.open(() => {}), Error);
  tracer.close();
  tracer.close();
  refusesAll(tracer);
  assert.throws(() => tracer.open(() => {}), Error);
});

it('may be closed while it opens, and in its callback', async () => {
  const early = new DropTracer(OPTIONS, () => {});
  const opening = open(early);
  early.close();
  await assert.rejects(opening, /closed while it opened/);
  await new Promise((resolve, reject) => {
    const tracer = new DropTracer(OPTIONS, () => {
      tracer.close();
      resolve();
    });
    open(tracer).then(() => {
      tracer.wakeOnNext();
      drop(1);
    }, reject);
  });
});

it('leaves no descriptor after 200 cycles, closed or never opened', async () => {
  const cycle = async (i) => {
    new DropTracer(OPTIONS, () => {});
    const tracer = await openTracer();
    tracer.wakeOnNext();
    if (i % 10 === 0) drop(1);
    tracer.close();
  };
  await cycle(0);
  await collectGarbage();
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) {
    await cycle(i);
    if (i % 10 === 0) await collectGarbage();
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});

function roomFor(count, tracer) {
  return new ArrayBuffer(count * tracer.recordBytes);
}
