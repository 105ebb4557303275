import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  composeFrame,
  type EngineName,
  type EthernetFrame,
  type FloodReport,
  type FrameInjector,
  openInjector,
  SystemCallError,
} from '../../lib/index.ts';
import { startCapture } from '../support/capture.ts';
import { floodVaried, hashOfVaried, VARIED_COUNT } from '../support/flood-varied.ts';
import { SENDER } from '../support/frames.ts';
import { carrier, receiveOffload, tc } from '../support/links.ts';
import { ip, linkCounters, linkUp, openNamespace } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { type Capability, runNode, startNode } from '../support/run-node.ts';
import { addVeth, deleteVeth, moveB } from '../support/veth-injection.ts';
import { waitFor } from '../support/wait-for.ts';

const FRAME: EthernetFrame = {
  source: SENDER,
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
};
const ENDLESS = { frame: FRAME, durationMs: 60_000 };

let injector: FrameInjector;

beforeEach(async () => {
  await addVeth();
  receiveOffload('b', 'on');
  injector = openInjector('a');
});

afterEach(() => {
  injector.close();
  deleteVeth();
});

describe.each<EngineName>(['af-xdp', 'live-frames'])('%s', (engine) => {
  it('sends as many as it is to, and says what it sent', async () => {
    const report = await injector.flood({ frame: FRAME, count: 100_000, engine });
    const packets = engine === 'live-frames' ? { before: 0n, after: 100_000n } : undefined;
    expect(report).toEqual({
      engine,
      passedOver: [],
      ...(packets && { verified: { counter: 'tx_packets', ...packets } }),
      sent: 100_000,
      refused: {},
      bytes: 6_000_000,
      durationMs: expect.any(Number),
      framesPerSecond: expect.closeTo((100_000 / report.durationMs) * 1000, 3),
    });
    expect(linkCounters('b').rx).toMatchObject({ packets: 100_000, bytes: 6_000_000 });
  });

  it('sends frames of several lengths in turns', async () => {
    const frames = [14, 60, 1514, 200].map((length, index) =>
      composeFrame({ ...FRAME, pad: false, payload: new Uint8Array(length - 14).fill(index) }),
    );
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const { bytes } = await injector.flood({ frames, count: 5, engine });
    expect(bytes).toBe(14 + 60 + 1514 + 200 + 14);
    const [first] = frames;
    const sent = [...frames, first ?? FRAME].map((one) => Buffer.from(one as Uint8Array));
    expect(await capture.frames(5)).toEqual(sent);
  });

  it('varies 1,000,000 frames just as it was told, in their order', async () => {
    await using peer = await openNamespace();
    await moveB(peer);
    expect(await floodVaried(injector, peer, engine)).toMatchObject({
      hash: hashOfVaried(),
      result: { sent: VARIED_COUNT, refused: {} },
    });
  }, 120_000);

  it('sends no more than falls due', async () => {
    const start = performance.now();
    const report = await injector.flood({
      frame: FRAME,
      framesPerSecond: 1000,
      count: 200,
      engine,
    });
    expect(report).toMatchObject({ sent: 200, refused: {} });
    expect(performance.now() - start).toBeGreaterThan(199);
  });

  it('sends in the network namespace of the injector', async () => {
    await using peer = await openNamespace();
    receiveOffload('a', 'on');
    await moveB(peer);
    using there = openInjector('b', { networkNamespace: `/proc/${peer.pid}/ns/net` });
    expect(await there.flood({ frame: FRAME, count: 500, engine })).toMatchObject({ sent: 500 });
    expect(linkCounters('a').rx).toMatchObject({ packets: 500 });
  });

  it('ends when its time is over', async () => {
    const { sent } = await injector.flood({ frame: FRAME, durationMs: 200, engine });
    expect(linkCounters('b').rx).toMatchObject({ packets: sent });
  });

  it('ends at a frame that is too long', async () => {
    const frame = composeFrame({ ...FRAME, payload: new Uint8Array(1510) });
    await expect(injector.flood({ frame, count: 10, engine })).rejects.toMatchObject({
      code: 'ERR_SYSTEM_CALL',
      sent: 0,
      message: expect.stringContaining('longer than interface "a" takes'),
    });
  });

  it.each<[string, () => void, readonly (keyof typeof constants.errno)[]]>([
    ['goes down', () => ip('link', 'set', 'dev', 'a', 'down'), ['ENETDOWN']],
    // It goes down first.
    ['is deleted', () => ip('link', 'delete', 'dev', 'a'), ['ENETDOWN', 'ENODEV', 'ENXIO']],
    ['gets a smaller MTU', () => ip('link', 'set', 'dev', 'a', 'mtu', '68'), ['EMSGSIZE']],
  ])('ends when the interface %s', async (_, happen, errors) => {
    const frame = { ...FRAME, payload: new Uint8Array(1000) };
    const told: FloodReport[] = [];
    const onProgress = (report: FloodReport) => told.push(report);
    const flood = injector.flood({ ...ENDLESS, frame, engine, onProgress });
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
    const flood = injector.flood({ ...ENDLESS, signal: abort.signal, engine });
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    abort.abort(new Error('enough'));
    await expect(flood).rejects.toThrow('enough');
    expect(countDescriptors()).toBe(before);
  });

  it('ends with a worker that is terminated in the middle of it', async () => {
    const before = countDescriptors();
    const worker = new Worker(
      `import('${new URL('../../dist/index.js', import.meta.url).href}').then(({ openInjector }) => {
         const frame = { source: '${SENDER}', destination: '${SENDER}', etherType: 0x4321 };
         openInjector('a').flood({ frame, durationMs: 60_000, engine: '${engine}' });
       });`,
      { eval: true },
    );
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    await worker.terminate();
    await waitFor('no descriptor more than before', () => countDescriptors() <= before);
  });

  it.each<[string, object]>([
    ['plan.engine', { frame: composeFrame({ ...FRAME, payload: new Uint8Array(4090) }) }],
    ['plan.engine', { frame: FRAME, engine: 'pktgen' }],
    ['plan.engine', { frame: FRAME, engine: [] }],
  ])('refuses a bad %s', async (argument, plan) => {
    const flood = injector.flood({ engine, count: 1, ...plan });
    await expect(flood).rejects.toMatchObject({ name: 'ArgumentError', argument });
  });
});

describe('af-xdp', () => {
  it('takes one queue for each thread', async () => {
    const plan = { frame: FRAME, count: 10_000, threads: 2, engine: 'af-xdp' } as const;
    await expect(injector.flood(plan)).rejects.toMatchObject({
      code: 'ERR_ENGINE_UNAVAILABLE',
      message: expect.stringContaining('has fewer than 2 transmit queues'),
    });
    const queues = ['numtxqueues', '2', 'numrxqueues', '2'];
    ip('link', 'add', 'dev', 'c', ...queues, 'type', 'veth', 'peer', 'name', 'd', ...queues);
    for (const name of ['c', 'd']) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'up');
    await carrier('c');
    using both = openInjector('c');
    expect(await both.flood(plan)).toMatchObject({ sent: 10_000, refused: {} });
    expect(linkCounters('d').rx).toMatchObject({ packets: 10_000 });
    ip('link', 'delete', 'dev', 'c');
  });

  it('counts what the peer refuses, and moves its counter once for each', async () => {
    ip('link', 'set', 'dev', 'b', 'mtu', '500');
    const frames = [60, 1000].map((length) =>
      composeFrame({ ...FRAME, payload: new Uint8Array(length - 14) }),
    );
    const report = await injector.flood({ frames, count: 2000, engine: 'af-xdp' });
    expect(report).toMatchObject({ sent: 1000, refused: { EBUSY: 1000 }, bytes: 60_000 });
    expect(linkCounters('a').tx).toMatchObject({ dropped: 1000 });
    const [short = FRAME, long = FRAME] = frames;
    const odd = [long, long, short, long, long, short, short, long];
    const other = await injector.flood({ frames: odd, count: 8000, engine: 'af-xdp' });
    expect(other).toMatchObject({ sent: 3000, refused: { EBUSY: 5000 }, bytes: 180_000 });
  });

  it('passes the queueing discipline by', async () => {
    tc('qdisc', 'add', 'dev', 'a', 'root', 'tbf', 'rate', '8kbit', 'burst', '10kb', 'limit', '1');
    const report = await injector.flood({ frame: FRAME, count: 10_000, engine: 'af-xdp' });
    expect(report).toMatchObject({ sent: 10_000, refused: {} });
  });

  it('waits for a queue that another flood has, and for one that was just closed', async () => {
    const plan = { frame: FRAME, count: 1000, engine: 'af-xdp' } as const;
    const reports = await Promise.all([injector.flood(plan), injector.flood(plan)]);
    expect(reports).toMatchObject([{ sent: 1000 }, { sent: 1000 }]);
    const long = injector.flood({ ...ENDLESS, engine: 'af-xdp' }).catch((error) => error);
    await waitFor('its frames', () => (linkCounters('b').rx['packets'] ?? 0) > 2000);
    await expect(injector.flood(plan)).rejects.toMatchObject({
      code: 'ERR_ENGINE_UNAVAILABLE',
      message: expect.stringContaining('A transmit queue of interface "a" has another'),
    });
    injector.close();
    expect(await long).toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('live-frames', () => {
  it('is not trusted where nothing arrives', async () => {
    receiveOffload('b', 'off');
    const flood = injector.flood({ frame: FRAME, count: 1000, engine: 'live-frames' });
    await expect(flood).rejects.toMatchObject({
      code: 'ERR_ENGINE_UNAVAILABLE',
      sent: 0,
      message: expect.stringContaining('ethtool -K <peer> gro on'),
    });
    expect(linkCounters('b').rx).toMatchObject({ packets: 0 });
  });

  it.each([1, 3])(
    'is not trusted where its frames are not counted, by %d threads',
    async (threads) => {
      // Nobody reads it: its driver takes the frames, and drops them.
      ip('tuntap', 'add', 'dev', 'unread', 'mode', 'tap');
      linkUp('unread');
      using there = openInjector('unread');
      const flood = there.flood({ frame: FRAME, durationMs: 100, threads, engine: 'live-frames' });
      await expect(flood).rejects.toMatchObject({ code: 'ERR_ENGINE_UNAVAILABLE', sent: 0 });
      const engine = ['live-frames', 'sendmmsg'] as const;
      const report = await there.flood({ frame: FRAME, count: 400, threads, engine });
      expect(report).toMatchObject({ engine: 'sendmmsg', sent: 400 });
      ip('link', 'delete', 'dev', 'unread');
    },
  );

  it('is not trusted by what others send', async () => {
    receiveOffload('b', 'off');
    const others = injector.flood({ ...ENDLESS, framesPerSecond: 20_000 }).catch((error) => error);
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    using second = openInjector('a');
    const engine = ['live-frames', 'af-xdp'] as const;
    const report = await second.flood({ frame: FRAME, count: 1000, engine });
    expect(report).toMatchObject({ engine: 'af-xdp', sent: 1000 });
    injector.close();
    expect(await others).toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('counts what the peer refuses, and ends when it takes no more', async () => {
    ip('link', 'set', 'dev', 'b', 'mtu', '500');
    const frames = [60, 1000].map((length) =>
      composeFrame({ ...FRAME, payload: new Uint8Array(length - 14) }),
    );
    const plan = { frames, count: 100_000, engine: 'live-frames' } as const;
    const { sent, refused } = await injector.flood(plan);
    // veth_xdp_xmit() takes none of those that come in a bulk behind one that is too long.
    expect(refused['ENOBUFS']).toBeGreaterThanOrEqual(50_000);
    expect(sent + (refused['ENOBUFS'] ?? 0)).toBe(100_000);
    expect(linkCounters('b').rx).toMatchObject({ packets: sent });
    const told: FloodReport[] = [];
    const onProgress = (one: FloodReport) => told.push(one);
    const flood = injector.flood({ ...ENDLESS, engine: 'live-frames', onProgress });
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100_000);
    receiveOffload('b', 'off');
    await expect(flood).rejects.toMatchObject({ message: expect.stringContaining('do not leave') });
    expect(told.at(-1)).toMatchObject({ refused: { ENOTSUP: expect.any(Number) } });
    const { packets = 0 } = linkCounters('b').rx;
    // What was in its queue when it went is lost.
    expect(sent + (told.at(-1)?.sent ?? 0) - packets).toBeLessThan(1000);
  });

  it('loses none when its process is stopped and goes on', async () => {
    const sdk = new URL('../../dist/index.js', import.meta.url).href;
    const script = `import { openInjector } from ${JSON.stringify(sdk)};
      const plan = { frame: new Uint8Array(60), count: 3_000_000, engine: 'live-frames' };
      const { sent, refused } = await openInjector('a').flood(plan);
      console.log(sent, JSON.stringify(refused));`;
    const { child, finish } = startNode(['--input-type=module', '--eval', script]);
    for (const packets of [1000, 1_500_000]) {
      await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > packets);
      child.kill('SIGSTOP');
      child.kill('SIGCONT');
    }
    expect(await finish()).toMatchObject({ stdout: '3000000 {}\n', code: 0 });
    expect(linkCounters('b').rx).toMatchObject({ packets: 3_000_000 });
  });

  it('ends with the reason of its signal also before it is trusted', async () => {
    for (let i = 0; i < 10; i += 1) {
      const signal = AbortSignal.timeout(i);
      const flood = injector.flood({ ...ENDLESS, engine: 'live-frames', signal });
      await expect(flood).rejects.toMatchObject({ name: 'TimeoutError' });
    }
  });

  it.each<[string, object]>([
    ['17 fields', { vary: Array.from({ length: 17 }, () => ({ field: 'source' })) }],
    ['a high rate', { framesPerSecond: 20_001 }],
    ['16,385 frames', { frame: undefined, frames: Array.from({ length: 16_385 }, () => FRAME) }],
  ])('refuses %s', async (_, plan) => {
    const flood = injector.flood({ engine: 'live-frames', frame: FRAME, count: 1, ...plan });
    await expect(flood).rejects.toMatchObject({ argument: 'plan.engine' });
  });
});

describe('several engines', () => {
  it('takes the first that works, and says why not those before', async () => {
    receiveOffload('b', 'off');
    const plan = { frame: FRAME, count: 1000 };
    const engine = ['live-frames', 'af-xdp', 'sendmmsg'] as const;
    const report = await injector.flood({ ...plan, engine });
    expect(report).toMatchObject({
      engine: 'af-xdp',
      sent: 1000,
      passedOver: [
        { engine: 'live-frames', reason: expect.stringContaining('Live frames do not leave') },
      ],
    });
    expect(linkCounters('b').rx).toMatchObject({ packets: 1000 });
    const rated = await injector.flood({ ...plan, engine, framesPerSecond: 100_000 });
    expect(rated).toMatchObject({
      engine: 'af-xdp',
      passedOver: [{ reason: expect.stringContaining('at most 20000 frames a second') }],
    });
  });

  it.each<[Capability, string]>([
    ['bpf', 'it lacks CAP_BPF. '],
    ['net_admin', 'it lacks CAP_NET_ADMIN. '],
    ['perfmon', 'it lacks CAP_PERFMON. '],
  ])('says that live frames need %s', async (capability, lack) => {
    const sdk = new URL('../../dist/index.js', import.meta.url).href;
    const script = `import { openInjector } from ${JSON.stringify(sdk)};
      const plan = { frame: new Uint8Array(60), count: 1, engine: 'live-frames' };
      await openInjector('a').flood(plan).catch((error) => console.log(error.code, error.message));`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await runNode(args, { without: [capability, 'sys_admin'] });
    expect(stdout).toContain('ERR_PERMISSION');
    expect(stdout).toContain(lack);
  });
});
