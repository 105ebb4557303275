import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { type FrameInjector, openInjector, watchDrops } from '../../lib/index.ts';
import { frameSender } from '../support/frame-sender.ts';
import { linkUp, netnsOf } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { countDescriptors, descriptorsBackTo } from '../support/resources.ts';

beforeAll(() => linkUp('lo'));

/** A frame whose source has this number. */
function frameOf(source: number): Uint8Array {
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x0200, 6);
  frame.writeUInt32BE(source, 8);
  frame.writeUInt16BE(0x4321, 12);
  return frame;
}

function sendAll(injector: FrameInjector, sources: readonly number[]): Promise<number> {
  return injector.sendAll(sources.map(frameOf));
}

it('counts drops by what they have in common', async () => {
  await using drops = await watchDrops({ deliver: 'summary' });
  using injector = openInjector('lo');
  for (let i = 0; i < 3; i++) injector.send(UNKNOWN);
  injector.send({ ...UNKNOWN, etherType: 0x4322 });
  const { talkers, ...summary } = await drops.summary();
  expect(summary).toMatchObject({ probe: 'ebpf', drops: 4, others: 0 });
  expect(talkers).toEqual([
    {
      interface: 'lo',
      ifindex: 1,
      netns: netnsOf(),
      source: UNKNOWN.source,
      destination: UNKNOWN.destination,
      etherType: UNKNOWN.etherType,
      counter: 'rx_dropped',
      reason: 'UNHANDLED_PROTO',
      location: '__netif_receive_skb_core',
      count: 3,
      missing: 0,
      first: expect.any(Date),
      last: expect.any(Date),
    },
    expect.objectContaining({ etherType: 0x4322, count: 1 }),
  ]);
  const [first] = talkers;
  expect(Number(first?.last)).toBeGreaterThanOrEqual(Number(first?.first));
  expect(Date.now() - Number(first?.last)).toBeLessThan(60_000);
});

it('tells all drops since it was armed with each summary, and the last ones after close', async () => {
  const drops = await watchDrops({ deliver: 'summary', everyMs: 20 });
  using injector = openInjector('lo');
  injector.send(UNKNOWN);
  const [first] = await once(drops, 'summary');
  injector.send(UNKNOWN);
  await drops.close();
  expect(first).toMatchObject({ drops: 1, talkers: [{ count: 1 }] });
  expect(await drops.summary()).toMatchObject({ drops: 2, talkers: [{ count: 2 }] });
});

it('lets pass what the filters let pass', async () => {
  await using drops = await watchDrops({ deliver: 'summary', source: '02:00:00:00:00:07' });
  using injector = openInjector('lo');
  await sendAll(injector, [7, 8, 7]);
  expect(await drops.summary()).toMatchObject({ drops: 2, talkers: [{ count: 2 }] });
  const { rows } = await drops.ledger();
  expect(rows).toMatchObject([{ counted: 3n, attributed: 2n, filtered: 1n, unattributed: 0n }]);
});

it('says of each talker among random ones how many drops it may have had', async () => {
  const TALKERS = 10;
  await using drops = await watchDrops({ deliver: 'summary', everyMs: 50 });
  using injector = openInjector('lo');
  // Some of them start late, when the table is full.
  for (let turn = 0; turn < 10; turn++) {
    const sources = Array.from({ length: 10_000 }, (_, i) => {
      const talker = i % 100;
      const started = talker <= turn + TALKERS / 2;
      return talker < TALKERS && started ? talker : 1_000_000 + turn * 10_000 + i;
    });
    await sendAll(injector, sources);
  }
  const { talkers, drops: counted, others } = await drops.summary();
  expect(counted).toBe(100_000);
  expect(talkers.reduce((sum, { count }) => sum + count, others)).toBe(100_000);
  for (let talker = 0; talker < TALKERS; talker++) {
    const turns = Array.from({ length: 10 }, (_, turn) => turn).filter(
      (turn) => talker <= turn + TALKERS / 2,
    );
    const real = turns.length * 100;
    const found = talkers.find(({ source }) => source === `02:00:00:00:00:0${talker}`);
    expect(found?.count).toBeLessThanOrEqual(real);
    expect((found?.count ?? 0) + (found?.missing ?? 0)).toBeGreaterThanOrEqual(real);
  }
});

it('adds up what both CPUs drop at once', async () => {
  const COUNT = 50_000;
  await using drops = await watchDrops({ deliver: 'summary', everyMs: 10 });
  const run = promisify(execFile);
  await Promise.all([0, 1].map((cpu) => run(...frameSender({ on: 'lo', count: COUNT, cpu }))));
  const { talkers, ...summary } = await drops.summary();
  expect(summary).toMatchObject({ drops: 2 * COUNT, others: 0 });
  expect(talkers).toMatchObject([{ count: 2 * COUNT, missing: 0 }]);
  const { rows } = await drops.ledger();
  expect(rows).toMatchObject([
    { counted: BigInt(2 * COUNT), attributed: BigInt(2 * COUNT), unattributed: 0n },
  ]);
});

it('tells no single drops, and no summary to whoever asked for those', async () => {
  await using summary = await watchDrops({ deliver: 'summary' });
  const refused = { name: 'ArgumentError', argument: 'options.deliver' };
  expect(() => summary.batches()).toThrow(expect.objectContaining(refused));
  expect(() => summary[Symbol.asyncIterator]()).toThrow(expect.objectContaining(refused));
  expect(() => summary.on('drop', () => {})).toThrow(expect.objectContaining(refused));
  await using drops = await watchDrops();
  expect(() => drops.on('summary', () => {})).toThrow(expect.objectContaining(refused));
  await expect(drops.summary()).rejects.toMatchObject(refused);
});

it('frees everything when it is closed while it tells', async () => {
  const before = countDescriptors();
  for (let i = 0; i < 3; i++) {
    const drops = await watchDrops({ deliver: 'summary', everyMs: 10 });
    const pending = [drops.summary(), drops.ledger(), drops.summary()];
    await drops.close();
    await Promise.all(pending);
  }
  await descriptorsBackTo(before);
});
