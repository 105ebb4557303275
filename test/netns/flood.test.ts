import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  composeFrame,
  DropscopeError,
  type EthernetFrame,
  type FloodReport,
  type FrameInjector,
  openInjector,
  SystemCallError,
} from '../../lib/index.ts';
import { native } from '../../lib/native.ts';
import { startCapture } from '../support/capture.ts';
import { floodVaried, hashOfVaried, VARIED_COUNT } from '../support/flood-varied.ts';
import { SENDER } from '../support/frames.ts';
import { tc } from '../support/links.ts';
import { ip, linkCounters, openNamespace } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { addVeth, deleteVeth, moveB } from '../support/veth-injection.ts';
import { waitFor } from '../support/wait-for.ts';

const FRAME: EthernetFrame = {
  source: SENDER,
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
  payload: new Uint8Array(46),
};
const ENDLESS = { frame: FRAME, durationMs: 60_000 };

let injector: FrameInjector;

beforeEach(async () => {
  await addVeth();
  injector = openInjector('a');
});

afterEach(() => {
  injector.close();
  deleteVeth();
});

describe('flood', () => {
  it('sends as many as it is to, and says what it sent', async () => {
    const report = await injector.flood({ frame: FRAME, count: 10_000 });
    expect(report).toEqual({
      engine: 'sendmmsg',
      passedOver: [],
      sent: 10_000,
      refused: {},
      bytes: 600_000,
      durationMs: expect.any(Number),
      framesPerSecond: expect.closeTo((10_000 / report.durationMs) * 1000, 3),
    });
    expect(linkCounters('b').rx).toMatchObject({ packets: 10_000, bytes: 600_000 });
  });

  it('sends several frames in turns, of which the last turn may be short', async () => {
    const frames = [60, 100, 200].map((length) =>
      composeFrame({ ...FRAME, payload: new Uint8Array(length - 14) }),
    );
    const { bytes } = await injector.flood({ frames, count: 1000 });
    expect(bytes).toBe(333 * 360 + 60);
    expect(linkCounters('b').rx).toMatchObject({ packets: 1000, bytes });
  });

  it('sends from several threads', async () => {
    const report = await injector.flood({ frame: FRAME, count: 100_001, threads: 3 });
    expect(report).toMatchObject({ sent: 100_001, refused: {} });
    expect(linkCounters('b').rx).toMatchObject({ packets: 100_001 });
  });

  it('sends no more than falls due', async () => {
    const plan = { frame: FRAME, framesPerSecond: 1000, count: 100 };
    expect(await injector.flood(plan)).toMatchObject({ sent: 100 });
    const slow = { ...ENDLESS, framesPerSecond: 5, durationMs: 500 };
    const { sent } = await injector.flood(slow);
    // At 0, 200 and 400 ms; a machine that stands still may miss the last ones.
    expect([1, 2, 3]).toContain(sent);
  });

  it('tells its progress, and at the end the same as it resolves with', async () => {
    const told: FloodReport[] = [];
    const plan = {
      frame: FRAME,
      durationMs: 1200,
      onProgress: (one: FloodReport) => told.push(one),
    };
    const report = await injector.flood(plan);
    expect(told).toHaveLength(2);
    expect(told[1]).toEqual(report);
    expect(told[0]?.sent).toBeLessThan(report.sent);
  });

  it('varies 1,000,000 frames just as it was told, in their order', async () => {
    await using peer = await openNamespace();
    await moveB(peer);
    expect(await floodVaried(injector, peer, 'sendmmsg')).toMatchObject({
      hash: hashOfVaried(),
      result: { sent: VARIED_COUNT, refused: {} },
    });
  }, 120_000);

  it('varies a VLAN identifier and leaves the priority', async () => {
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const frame = { ...FRAME, vlan: { id: 1, priority: 5 } };
    await injector.flood({ frame, count: 3, vary: { field: 'vlan', values: [7, 4095] } });
    const tags = (await capture.frames(3)).map((bytes) => bytes.toString('hex', 12, 16));
    expect(tags).toEqual(['8100a007', '8100afff', '8100a007']);
  });

  it('sends in the network namespace of the injector', async () => {
    await using peer = await openNamespace();
    await moveB(peer);
    using there = openInjector('b', { networkNamespace: `/proc/${peer.pid}/ns/net` });
    expect(await there.flood({ frame: FRAME, count: 500 })).toMatchObject({ sent: 500 });
    expect(linkCounters('a').rx).toMatchObject({ packets: 500 });
  });
});

describe('what can go wrong', () => {
  it('counts what finds a queue full, and tries it once only', async () => {
    throttle('1mbit', '10kb');
    const { sent, refused } = await injector.flood({ frame: FRAME, count: 50_000 });
    const full = refused['ENOBUFS'] ?? 0;
    expect(sent + full).toBe(50_000);
    expect(full).toBeGreaterThan(40_000);
    expect(linkCounters('a').tx['dropped']).toBe(0);
    expect(qdisc()).toMatchObject({ drops: full });
  });

  it('waits where a slow queue has all of the send buffer', async () => {
    throttle('8mbit', '1gb');
    const frames = [60, 1514].map((length) =>
      composeFrame({ ...FRAME, payload: new Uint8Array(length - 14) }),
    );
    const report = await injector.flood({ frames, count: 2000, threads: 2 });
    expect(report).toMatchObject({ sent: 2000, refused: {} });
    expect(qdisc()).toMatchObject({ drops: 0 });
  });

  it('counts what the peer refuses, and moves its counter once for each', async () => {
    ip('link', 'set', 'dev', 'a', 'mtu', '1600');
    const frames = [FRAME, composeFrame({ ...FRAME, payload: new Uint8Array(1600) })];
    const report = await injector.flood({ frames, count: 1000 });
    expect(report).toMatchObject({ sent: 500, refused: { ENOBUFS: 500 } });
    expect(linkCounters('a').tx).toMatchObject({ packets: 500, dropped: 500 });
  });

  it('sends frames of any length as they are', async () => {
    for (const name of ['a', 'b']) ip('link', 'set', 'dev', name, 'mtu', '9000');
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const frames = [60, 1500, 1900].map((length, index) =>
      composeFrame({ ...FRAME, payload: new Uint8Array(length).fill(index + 1) }),
    );
    const long = composeFrame({ ...FRAME, payload: new Uint8Array(4000).fill(9) });
    const report = await injector.flood({ frames: [...frames, long], count: 4 });
    expect(report.bytes).toBe(74 + 1514 + 1914 + 4014);
    const [a, b, c] = await capture.frames(4);
    expect([a, b, c]).toEqual(frames.map((bytes) => Buffer.from(bytes)));
  });

  it('ends at the first frame that is too long, of whatever came before', async () => {
    const long = composeFrame({ ...FRAME, payload: new Uint8Array(1501) });
    const told: FloodReport[] = [];
    const plan = { frames: [FRAME, FRAME, long], count: 1000 };
    const flood = injector.flood({ ...plan, onProgress: (report) => told.push(report) });
    await expect(flood).rejects.toMatchObject({
      sent: 2,
      message: expect.stringContaining(
        'The frame of 1515 bytes is longer than interface "a" takes',
      ),
    });
    expect(told).toMatchObject([{ sent: 2, refused: { EMSGSIZE: 1 } }]);
  });

  it('ends in time where the send buffer is full', async () => {
    throttle('8kbit', '100mb');
    // Each takes a second of the link: to send what fills one window, minutes.
    const frame = { ...FRAME, payload: new Uint8Array(1000) };
    const { sent } = await injector.flood({ frame, durationMs: 500 });
    expect(sent).toBeGreaterThan(0);
  });

  it('rejects with what its listener throws', async () => {
    const thrown = new Error('no more');
    const onProgress = () => {
      throw thrown;
    };
    await expect(injector.flood({ ...ENDLESS, onProgress })).rejects.toBe(thrown);
    await expect(injector.flood({ frame: FRAME, count: 1, onProgress })).rejects.toBe(thrown);
  });

  it('does not begin when the injector is closed by what gives it frames', async () => {
    function* frames() {
      yield FRAME;
      injector.close();
    }
    const flood = injector.flood({ frames: frames(), count: 1000 });
    await expect(flood).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(linkCounters('b').rx).toMatchObject({ packets: 0 });
  });

  it('tells what the kernel refused also when it is closed meanwhile', async () => {
    using there = openInjector('a', { networkNamespace: '/proc/self/ns/net' });
    ip('link', 'set', 'dev', 'a', 'down');
    const flood = there.flood({ frame: FRAME, count: 1 });
    there.close();
    const error = await flood.catch((reason) => reason);
    expect(error).toBeInstanceOf(DropscopeError);
    expect(error.sent).toBe(0);
  });

  it('ends at a frame that is too long', async () => {
    const frame = composeFrame({ ...FRAME, payload: new Uint8Array(1501) });
    await expect(injector.flood({ frame, count: 10 })).rejects.toMatchObject({
      code: 'ERR_SYSTEM_CALL',
      sent: 0,
      message: expect.stringContaining(
        'The frame of 1515 bytes is longer than interface "a" takes',
      ),
    });
  });

  it.each<[string, () => void, readonly (keyof typeof constants.errno)[]]>([
    ['goes down', () => ip('link', 'set', 'dev', 'a', 'down'), ['ENETDOWN']],
    // It goes down first.
    ['is deleted', () => ip('link', 'delete', 'dev', 'a'), ['ENETDOWN', 'ENXIO']],
    ['gets a smaller MTU', () => ip('link', 'set', 'dev', 'a', 'mtu', '68'), ['EMSGSIZE']],
  ])('ends when the interface %s', async (_, happen, errors) => {
    const frame = { ...FRAME, payload: new Uint8Array(1000) };
    const told: FloodReport[] = [];
    const onProgress = (report: FloodReport) => told.push(report);
    const flood = injector.flood({ ...ENDLESS, frame, onProgress });
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    happen();
    const error = await flood.catch((reason) => reason);
    expect(error).toBeInstanceOf(SystemCallError);
    const { sent, refused = {} } = told.at(-1) ?? {};
    expect(error.sent).toBe(sent);
    const name = errors.find((one) => error.errno === constants.errno[one]);
    expect(refused[name ?? `none of ${errors}`]).toBeGreaterThan(0);
  });

  it('ends with the reason of its signal, and leaves nothing', async () => {
    const before = countDescriptors();
    const abort = new AbortController();
    const flood = injector.flood({ ...ENDLESS, signal: abort.signal, threads: 4 });
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    expect(countDescriptors()).toBeGreaterThan(before);
    abort.abort(new Error('enough'));
    await expect(flood).rejects.toThrow('enough');
    expect(countDescriptors()).toBe(before);
  });

  it('ends while it waits for what falls due, and where the send buffer stays full', async () => {
    const slow = { ...ENDLESS, framesPerSecond: 0.01, signal: AbortSignal.timeout(20) };
    await expect(injector.flood(slow)).rejects.toMatchObject({ name: 'TimeoutError' });
    throttle('8kbit', '100mb');
    const stuck = { ...ENDLESS, signal: AbortSignal.timeout(200) };
    await expect(injector.flood(stuck)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('sends nothing with a signal that was aborted before', async () => {
    const plan = { ...ENDLESS, signal: AbortSignal.abort(new Error('too late')) };
    await expect(injector.flood(plan)).rejects.toThrow('too late');
    expect(linkCounters('b').rx).toMatchObject({ packets: 0 });
  });

  it('ends when the injector is closed', async () => {
    const flood = injector.flood(ENDLESS);
    injector.close();
    await expect(flood).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(injector.flood(ENDLESS)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('ends with a worker that is terminated in the middle of it', async () => {
    const before = countDescriptors();
    const worker = new Worker(
      `import('${new URL('../../dist/index.js', import.meta.url).href}').then(({ openInjector }) => {
         const frame = { source: '${SENDER}', destination: '${SENDER}', etherType: 0x4321 };
         openInjector('a').flood({ frame, durationMs: 60_000 });
       });`,
      { eval: true },
    );
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    await worker.terminate();
    await waitFor('no descriptor more than before', () => countDescriptors() <= before);
  });

  it.each<[string, object]>([
    ['plan', { frame: FRAME }],
    ['plan', { count: 1 }],
    ['plan', { frame: FRAME, frames: [FRAME], count: 1 }],
    ['plan', { frame: FRAME, count: 1, speed: 5 }],
    ['plan.frames', { frames: [], count: 1 }],
    ['plan.frames', { frames: 5, count: 1 }],
    ['frame', { frame: new Uint8Array(13), count: 1 }],
    ['frame.etherType', { frame: { ...FRAME, etherType: 5 }, count: 1 }],
    ['plan.count', { frame: FRAME, count: 0 }],
    ['plan.count', { frame: FRAME, count: 1.5 }],
    ['plan.durationMs', { frame: FRAME, durationMs: -1 }],
    ['plan.framesPerSecond', { frame: FRAME, count: 1, framesPerSecond: 0 }],
    ['plan.threads', { frame: FRAME, count: 1, threads: 65 }],
    ['plan.signal', { frame: FRAME, count: 1, signal: {} }],
    ['plan.onProgress', { frame: FRAME, count: 1, onProgress: 'told' }],
    ['plan.vary', { frame: FRAME, count: 1, vary: 5 }],
    ['plan.vary.field', { frame: FRAME, count: 1, vary: { field: 'ttl' } }],
    ['plan.vary[0].field', { frame: FRAME, count: 1, vary: [{ field: 'vlan' }] }],
    ['plan.vary.field', { frame: FRAME, count: 1, vary: { field: { offset: 45, width: 2 } } }],
    ['plan.vary', { frame: FRAME, count: 1, vary: { field: 'source', form: 1 } }],
    ['plan.vary', { frame: FRAME, count: 1, vary: { field: 'source', values: [1], step: 2 } }],
    ['plan.vary.field.width', { frame: FRAME, count: 1, vary: { field: { offset: 0, width: 9 } } }],
    ['plan.vary.from', { frame: FRAME, count: 1, vary: { field: 'etherType', from: 65_536 } }],
    ['plan.vary.to', { frame: FRAME, count: 1, vary: { field: 'source', from: 2, to: 1 } }],
    ['plan.vary.to', { frame: FRAME, count: 1, vary: { field: 'source', to: '02:00' } }],
    ['plan.vary.step', { frame: FRAME, count: 1, vary: { field: 'source', step: 0 } }],
    ['plan.vary.values', { frame: FRAME, count: 1, vary: { field: 'source', values: [] } }],
    ['plan.vary.values[1]', { frame: FRAME, count: 1, vary: { field: 'vlan', values: [1, 4096] } }],
    ['plan.vary.random', { frame: FRAME, count: 1, vary: { field: 'source', random: 0.5 } }],
  ])('refuses a bad %s: %o', async (argument, plan) => {
    const bad = argument.endsWith('[1]') ? { ...plan, frame: { ...FRAME, vlan: { id: 1 } } } : plan;
    const flood: Promise<unknown> = Reflect.apply(injector.flood, injector, [bad]);
    await expect(flood).rejects.toMatchObject({ name: 'ArgumentError', argument });
    expect(linkCounters('b').rx).toMatchObject({ packets: 0 });
  });

  it('refuses in the addon what would reach beyond a frame', () => {
    const plan = {
      networkNamespace: undefined,
      ifindex: 1,
      packed: new Uint8Array(60),
      lengths: Uint32Array.of(60),
      fields: [],
      count: 1,
      durationNs: 0,
      framesPerSecond: 0,
      threads: 1,
      engine: 0,
    } as const;
    const field = {
      kind: 0,
      width: 8,
      offsets: Uint32Array.of(53),
      numbers: BigUint64Array.of(1n, 0n, 1n, 1n),
    } as const;
    const { Flood } = native();
    expect(() => new Flood({ ...plan, fields: [field] }, () => {})).toThrow(RangeError);
    expect(() => new Flood({ ...plan, lengths: Uint32Array.of(61) }, () => {})).toThrow(RangeError);
    expect(() => new Flood({ ...plan, lengths: new Uint32Array() }, () => {})).toThrow(RangeError);
  });
});

/** Lets `a` send so much, and no more than so much wait for it. */
function throttle(rate: string, limit: string): void {
  tc('qdisc', 'add', 'dev', 'a', 'root', 'tbf', 'rate', rate, 'burst', '10kb', 'limit', limit);
}

/** What tc shows of the qdisc of `a`. */
function qdisc(): object {
  const [one] = JSON.parse(
    execFileSync('tc', ['-s', '-j', 'qdisc', 'show', 'dev', 'a'], { encoding: 'utf8' }),
  );
  return one;
}
