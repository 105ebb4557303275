import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  composeFrame,
  type EngineName,
  type FrameInjector,
  openInjector,
  type ReplayReport,
  readLinkStats,
} from '../../lib/index.ts';
import { startCapture } from '../support/capture.ts';
import { pcapFile, pcapngFile, type TimedFrame } from '../support/capture-file.ts';
import { tc } from '../support/links.ts';
import { ip, linkCounters, openNamespace } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { startChild } from '../support/start-child.ts';
import { addVeth, deleteVeth, hashArrived, hashOf, moveB } from '../support/veth-injection.ts';
import { waitFor } from '../support/wait-for.ts';

const STYLE = { littleEndian: true, digits: 9 } as const;
const FLAT_OUT = { speed: Number.POSITIVE_INFINITY };

let folder: string;
let injector: FrameInjector;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dropscope-replay-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  await addVeth();
  injector = openInjector('a');
});

afterEach(() => {
  injector.close();
  deleteVeth();
});

describe('replay', () => {
  it('sends the frames of a file in their order, and says what it sent', async () => {
    const frames = timed([60, 1514, 14, 300, 60], 1_000_000n);
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const report = await injector.replay(write('five.pcap', pcapFile(frames, STYLE)));
    expect(report).toEqual({
      engine: 'sendmmsg',
      passedOver: [],
      frames: 5,
      truncated: 0,
      sent: 5,
      refused: {},
      bytes: 60 + 1514 + 14 + 300 + 60,
      durationMs: expect.any(Number),
      framesPerSecond: expect.any(Number),
    });
    const sent = frames.map(({ bytes }) => Buffer.from(bytes));
    expect(await capture.frames(5)).toEqual(sent);
  });

  it.each<[EngineName]>([['sendmmsg'], ['af-xdp']])(
    'sends 1,000,000 frames just as they are, by %s',
    async (engine) => {
      const COUNT = 1_000_000;
      const path = join(folder, 'million.pcap');
      const expected = writeMillion(path, COUNT);
      await using peer = await openNamespace();
      await moveB(peer);
      const replay = () => injector.replay(path, { ...FLAT_OUT, engine });
      expect(await hashArrived(peer, COUNT, replay)).toMatchObject({
        hash: expected,
        result: { frames: COUNT, sent: COUNT, refused: {}, engine },
      });
    },
    120_000,
  );

  it('reads files as editcap writes them', async () => {
    const frames = timed([60, 100, 1514], 1000n);
    const path = write('plain.pcap', pcapFile(frames, STYLE));
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const formats = ['pcapng', 'pcap', 'nsecpcap'];
    for (const format of formats) {
      const converted = join(folder, `converted.${format}`);
      execFileSync('editcap', ['-F', format, path, converted], { stdio: 'pipe' });
      expect(await injector.replay(converted, FLAT_OUT)).toMatchObject({ frames: 3, sent: 3 });
    }
    // Two interfaces in one file.
    const merged = join(folder, 'merged.pcapng');
    const parts = ['converted.pcapng', 'converted.nsecpcap'].map((name) => join(folder, name));
    execFileSync('mergecap', ['-a', '-F', 'pcapng', '-w', merged, ...parts], { stdio: 'pipe' });
    expect(await injector.replay(merged, FLAT_OUT)).toMatchObject({ frames: 6, sent: 6 });
    const sent = frames.map(({ bytes }) => Buffer.from(bytes));
    expect(await capture.frames(15)).toEqual(Array.from({ length: 5 }, () => sent).flat());
  });

  it('reads a pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const path = write('piped.pcapng', pcapngFile(timed([60, 60], 1n), STYLE));
    const closed = once(startChild('sh', ['-c', 'cat "$0" > "$1"', path, pipe]), 'close');
    expect(await injector.replay(pipe)).toMatchObject({ sent: 2 });
    await closed;
  });

  it('ends in time while a pipe has nothing to read, or nobody writes to it', async () => {
    const pipe = join(folder, 'silent');
    execFileSync('mkfifo', [pipe]);
    const before = countDescriptors();
    const lonely = injector.replay(pipe, { signal: AbortSignal.timeout(50) });
    await expect(lonely).rejects.toMatchObject({ name: 'TimeoutError' });
    const abort = new AbortController();
    const replay = injector.replay(pipe, { signal: abort.signal }).catch((error) => error);
    const writer = startChild('sh', ['-c', 'cat > "$0"', pipe]);
    writer.stdin.write(pcapFile(timed([60], 1n), STYLE));
    await waitFor('its frame', () => linkCounters('b').rx['packets'] === 1);
    abort.abort(new Error('enough'));
    expect(await replay).toMatchObject({ message: 'enough' });
    writer.stdin.end();
    await once(writer, 'close');
    expect(countDescriptors()).toBe(before);
    const twice = injector.replay(pipe, { loop: 2 });
    await expect(twice).rejects.toMatchObject({ argument: 'options.loop' });
  });

  it('writes other addresses into the frames', async () => {
    await using peer = await openNamespace();
    await moveB(peer);
    await using capture = await startCapture(peer, 'b');
    const path = write('addresses.pcap', pcapFile(timed([60], 1n), STYLE));
    await injector.replay(path, { source: '02:00:00:00:00:77' });
    await injector.replay(path, { destination: '02-00-00-00-00-88' });
    const heads = (await capture.frames(2)).map((bytes) => bytes.toString('hex', 0, 12));
    expect(heads).toEqual(['02000000000b020000000077', '02000000008802000000000a']);
  });

  it('keeps the pace at which it was captured', async () => {
    const path = write('slow.pcap', pcapFile(timed([60, 60, 60, 60, 60], 100_000_000n), STYLE));
    const start = performance.now();
    await injector.replay(path);
    expect(performance.now() - start).toBeGreaterThan(399);
  });

  it.each<[string, object]>([
    ['so many times that pace', { speed: 36_000 }],
    ['a rate instead', { framesPerSecond: 10 }],
  ])('keeps %s', async (_, options) => {
    // At the pace at which they were captured, for hours.
    const path = write('hours.pcap', pcapFile(timed([60, 60, 60, 60], 3_600_000_000_000n), STYLE));
    const start = performance.now();
    await injector.replay(path, options);
    expect(performance.now() - start).toBeGreaterThan(299);
  });

  it('sends a file several times, one after the other', async () => {
    const path = write('loop.pcap', pcapFile(timed([60, 60, 60], 50_000_000n), STYLE));
    const start = performance.now();
    const report = await injector.replay(path, { loop: 3 });
    expect(report).toMatchObject({ frames: 9, sent: 9 });
    expect(performance.now() - start).toBeGreaterThan(299);
    const empty = write('empty.pcap', pcapFile([], STYLE));
    expect(await injector.replay(empty, { loop: 1_000_000_000 })).toMatchObject({ frames: 0 });
  });

  it('lets the interface receive the frames', async () => {
    using receiver = openInjector('b', { direction: 'receive' });
    const path = write('received.pcap', pcapFile(timed([60, 1514, 60], 1000n), STYLE));
    const before = await readLinkStats('b');
    const report = await receiver.replay(path);
    expect(report).toMatchObject({ engine: 'live-frames', frames: 3, sent: 3 });
    expect((await readLinkStats('b')).rxDropped - before.rxDropped).toBe(3n);
  });

  it('needs no more memory for more frames', async () => {
    const path = join(folder, 'large.pcap');
    writeMillion(path, 1_000_000);
    await injector.replay(path, FLAT_OUT);
    const before = process.memoryUsage().rss;
    // 228 MB in all.
    await injector.replay(path, { ...FLAT_OUT, loop: 3, engine: 'af-xdp' });
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
  }, 120_000);
});

describe('what can go wrong', () => {
  it('counts frames that were cut short, and sends them as they are', async () => {
    const [whole] = timed([60], 1n);
    const frames = [{ ...whole, original: 1514 } as TimedFrame];
    const path = write('cut.pcap', pcapFile(frames, STYLE));
    expect(await injector.replay(path)).toMatchObject({ truncated: 1, sent: 1, bytes: 60 });
  });

  it.each<[EngineName, object]>([
    ['sendmmsg', { EMSGSIZE: 2, EINVAL: 1 }],
    ['af-xdp', { EMSGSIZE: 2, EINVAL: 1 }],
  ])('leaves out what the link does not take, and counts it: %s', async (engine, refused) => {
    const frames = timed([60, 60, 1600, 60, 5, 1600, 60], 1n);
    const path = write('odd.pcap', pcapFile(frames, STYLE));
    const report = await injector.replay(path, { engine });
    expect(report).toMatchObject({ frames: 7, sent: 4, refused, bytes: 240 });
    expect(linkCounters('b').rx).toMatchObject({ packets: 4 });
  });

  it('tells what found a queue full from what is too long or too short', async () => {
    tc(
      'qdisc',
      'add',
      'dev',
      'a',
      'root',
      'tbf',
      'rate',
      '1mbit',
      'burst',
      '10kb',
      'limit',
      '10kb',
    );
    const lengths = Array.from({ length: 20_000 }, (_, i) => (i % 10 ? 60 : i % 20 ? 1600 : 5));
    const path = write('mixed.pcap', pcapFile(timed(lengths, 1n), STYLE));
    const { sent, refused } = await injector.replay(path, FLAT_OUT);
    expect(refused).toMatchObject({ EMSGSIZE: 1000, EINVAL: 1000 });
    expect(sent + (refused['ENOBUFS'] ?? 0)).toBe(18_000);
  });

  it('sends what stands before the damage of a file, and no more', async () => {
    const file = pcapFile(timed(Array(20_000).fill(60), 1n), STYLE);
    const offset = 24 + 15_000 * 76;
    file.writeUInt32LE(0xffffffff, offset + 8);
    const told: ReplayReport[] = [];
    const path = write('damaged.pcap', file);
    const onProgress = (report: ReplayReport) => told.push(report);
    await expect(injector.replay(path, { loop: 3, onProgress })).rejects.toMatchObject({
      name: 'CaptureError',
      code: 'ERR_CAPTURE_FILE',
      offset,
      sent: 15_000,
    });
    expect(told).toMatchObject([{ frames: 15_000, sent: 15_000 }]);
    expect(linkCounters('b').rx).toMatchObject({ packets: 15_000 });
  });

  it('says that there is no such file, and sends nothing', async () => {
    const missing = injector.replay(join(folder, 'missing'));
    await expect(missing).rejects.toMatchObject({ name: 'CaptureError', sent: 0 });
  });

  it('counts what finds a queue full', async () => {
    tc(
      'qdisc',
      'add',
      'dev',
      'a',
      'root',
      'tbf',
      'rate',
      '1mbit',
      'burst',
      '10kb',
      'limit',
      '10kb',
    );
    const path = write('many.pcap', pcapFile(timed(Array(20_000).fill(60), 1n), STYLE));
    const { sent, refused } = await injector.replay(path, FLAT_OUT);
    expect(sent + (refused['ENOBUFS'] ?? 0)).toBe(20_000);
    expect(refused['ENOBUFS']).toBeGreaterThan(10_000);
  });

  it.each<[string, () => void, readonly (keyof typeof constants.errno)[]]>([
    ['goes down', () => ip('link', 'set', 'dev', 'a', 'down'), ['ENETDOWN']],
    // It goes down first.
    ['is deleted', () => ip('link', 'delete', 'dev', 'a'), ['ENETDOWN', 'ENXIO']],
  ])('ends when the interface %s', async (_, happen, errors) => {
    const path = write('ends.pcap', pcapFile(timed(Array(1000).fill(60), 1n), STYLE));
    const told: ReplayReport[] = [];
    const onProgress = (report: ReplayReport) => told.push(report);
    const replay = injector.replay(path, { ...FLAT_OUT, loop: 1e9, onProgress });
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    happen();
    const error = await replay.catch((reason) => reason);
    const { sent, refused = {} } = told.at(-1) ?? {};
    expect(error).toMatchObject({ name: 'SystemCallError', sent });
    const name = errors.find((one) => error.errno === constants.errno[one]);
    expect(refused[name ?? `none of ${errors}`]).toBeGreaterThan(0);
  });

  it('goes on when the interface gets a smaller MTU, and counts what does not fit', async () => {
    const path = write('mtu.pcap', pcapFile(timed([60, 1000], 1n), STYLE));
    const abort = new AbortController();
    const told: ReplayReport[] = [];
    const onProgress = (report: ReplayReport) => told.push(report);
    const options = { framesPerSecond: 1000, loop: 1e9, signal: abort.signal, onProgress };
    const replay = injector.replay(path, options).catch((error) => error);
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 10);
    ip('link', 'set', 'dev', 'a', 'mtu', '500');
    await waitFor('refusals', () => (told.at(-1)?.refused['EMSGSIZE'] ?? 0) > 0);
    abort.abort(new Error('enough'));
    expect(await replay).toMatchObject({ message: 'enough' });
  });

  it('ends with the reason of its signal, and leaves nothing', async () => {
    const path = write('abort.pcap', pcapFile(timed([60, 60], 3_600_000_000_000n), STYLE));
    const before = countDescriptors();
    const signal = AbortSignal.timeout(100);
    await expect(injector.replay(path, { signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    const flat = { ...FLAT_OUT, loop: 1e9, signal: AbortSignal.timeout(100) };
    await expect(injector.replay(path, flat)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(countDescriptors()).toBe(before);
    const late = { signal: AbortSignal.abort(new Error('too late')) };
    await expect(injector.replay(path, late)).rejects.toThrow('too late');
  });

  it('rejects with what its listener throws', async () => {
    const path = write('listener.pcap', pcapFile(timed([60], 1n), STYLE));
    const onProgress = () => {
      throw new Error('no more');
    };
    await expect(injector.replay(path, { onProgress })).rejects.toThrow('no more');
  });

  it('ends when the injector is closed', async () => {
    const path = write('close.pcap', pcapFile(timed([60, 60], 3_600_000_000_000n), STYLE));
    const replay = injector.replay(path);
    injector.close();
    await expect(replay).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(injector.replay(path)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('closes nothing of others when a worker ends that has read a pipe', async () => {
    const pipe = join(folder, 'worker-pipe');
    execFileSync('mkfifo', [pipe]);
    const path = write('worker-piped.pcap', pcapFile(timed([60], 1n), STYLE));
    const writer = once(startChild('sh', ['-c', 'cat "$0" > "$1"', path, pipe]), 'close');
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       import('${new URL('../../dist/index.js', import.meta.url).href}').then(async ({ openInjector }) => {
         const injector = openInjector('a');
         await injector.replay('${pipe}');
         injector.close();
         parentPort.once('message', () => parentPort.close()).postMessage('read');
       });`,
      { eval: true },
    );
    await once(worker, 'message');
    await writer;
    // These get the numbers of what the worker has closed.
    const mine = Array.from({ length: 50 }, () => openSync(path, 'r'));
    worker.postMessage('end');
    await once(worker, 'exit');
    for (const fd of mine) closeSync(fd);
  });

  it('ends with a worker that is terminated in the middle of it', async () => {
    const path = write('worker.pcap', pcapFile(timed([60], 1n), STYLE));
    const before = countDescriptors();
    const worker = new Worker(
      `import('${new URL('../../dist/index.js', import.meta.url).href}').then(({ openInjector }) =>
         openInjector('a').replay('${path}', { speed: Infinity, loop: 1e9 }));`,
      { eval: true },
    );
    await waitFor('frames', () => (linkCounters('b').rx['packets'] ?? 0) > 100);
    await worker.terminate();
    await waitFor('no descriptor more than before', () => countDescriptors() <= before);
  });

  it.each<[string, unknown, unknown?]>([
    ['path', 5],
    ['path', ''],
    ['options', 'x', 5],
    ['options', 'x', { rate: 1 }],
    ['options', 'x', { speed: 1, framesPerSecond: 1 }],
    ['options.speed', 'x', { speed: 0 }],
    ['options.speed', 'x', { speed: '2' }],
    ['options.framesPerSecond', 'x', { framesPerSecond: -1 }],
    ['options.loop', 'x', { loop: 0.5 }],
    ['options.source', 'x', { source: '02:00' }],
    ['options.destination', 'x', { destination: 5 }],
    ['options.engine', 'x', { engine: 'live-frames' }],
    ['options.signal', 'x', { signal: {} }],
    ['options.onProgress', 'x', { onProgress: 1 }],
  ])('refuses a bad %s: %o %o', async (argument, path, options) => {
    const replay: Promise<unknown> = Reflect.apply(injector.replay, injector, [path, options]);
    await expect(replay).rejects.toMatchObject({ name: 'ArgumentError', argument });
  });
});

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Frames of these lengths, captured so far apart. */
function timed(lengths: readonly number[], apartNs: bigint): TimedFrame[] {
  const head = composeFrame({
    source: '02:00:00:00:00:0a',
    destination: '02:00:00:00:00:0b',
    etherType: 0x4321,
    pad: false,
  });
  return lengths.map((length, i) => {
    const bytes = new Uint8Array(length).fill(i + 1);
    bytes.set(head.subarray(0, length));
    return { bytes, timeNs: BigInt(i) * apartNs };
  });
}

/** A file of as many frames of 60 bytes, each another one; gives the hash of their bytes. */
function writeMillion(path: string, count: number): string {
  const [frame] = timed([60], 1n);
  const file = Buffer.alloc(24 + count * 76);
  pcapFile([], STYLE).copy(file);
  const places = Array.from({ length: count }, (_, i) => 24 + i * 76);
  places.forEach((at, i) => {
    file.writeUInt32LE(60, at + 8);
    file.writeUInt32LE(60, at + 12);
    file.set(frame?.bytes ?? [], at + 16);
    file.writeUInt32BE(i, at + 16 + 20);
  });
  writeFileSync(path, file);
  return hashOf(places.map((at) => file.subarray(at + 16, at + 76)));
}
