import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { openInjector, type WatchOptions, watchDrops } from '../../lib/index.ts';
import { frameSender } from '../support/frame-sender.ts';
import { buffersShrinkBelow } from '../support/garbage.ts';
import { readDropCounters } from '../support/link-counters.ts';
import { linkUp } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { takeAll } from '../support/take.ts';

const BURST = 200_000;

beforeAll(() => linkUp('lo'));

it.each([1, 2, 3, 4, 5])(
  'accounts for every frame of a burst while JavaScript is blocked: %i',
  async () => {
    const { kernel } = await countBurst();
    expect(kernel).toBeGreaterThan(0);
  },
);

it('accounts for what exceeds the queue', async () => {
  const { kernel, queue } = await countBurst({ ringBytes: 2 ** 26, queueLimit: 1000 });
  expect({ kernel, queue }).toEqual({ kernel: 0, queue: BURST - 1000 });
});

it('loses nothing where there is room for all', async () => {
  const lost = await countBurst({ ringBytes: 2 ** 26, queueLimit: BURST });
  expect(lost).toEqual({ kernel: 0, queue: 0, output: 0 });
});

it('holds no more memory when a slow reader makes room for one drop of each burst', async () => {
  using injector = openInjector('lo');
  await using drops = await watchDrops({ interface: 'lo', queueLimit: 100 });
  const reader = drops[Symbol.asyncIterator]();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) {
    await injector.flood({ frame: UNKNOWN, count: 2000, threads: 1 });
    await drops.ledger();
    await reader.next();
  }
  // One buffer in which the ring is read, and a hundred drops. Each burst is 281 KiB.
  await buffersShrinkBelow(before + 8 * 2 ** 20);
});

/**
 * Sends from both CPUs, and checks that delivered and lost are together what the counter moved by.
 * Gives the lost.
 */
async function countBurst(
  options: WatchOptions = {},
): Promise<{ kernel: number; queue: number; output: number }> {
  await using drops = await watchDrops({ interface: 'lo', ...options });
  const lost = { kernel: 0, queue: 0, output: 0 };
  drops.on('lost', ({ where, count }) => {
    lost[where] += count;
  });
  const { rx_dropped: before } = await readDropCounters('lo');
  const beside = promisify(execFile)(...frameSender({ on: 'lo', count: BURST / 2, cpu: 1 }));
  // Blocks this thread until it has sent all.
  execFileSync(...frameSender({ on: 'lo', count: BURST / 2, cpu: 0 }));
  await beside;
  const { rx_dropped: after } = await readDropCounters('lo');
  await drops.close();
  const batches = await takeAll(drops.batches());
  const delivered = batches.reduce((sum, { length }) => sum + length, 0);
  expect(after - before).toBe(BigInt(BURST));
  expect(BigInt(delivered + lost.kernel + lost.queue)).toBe(after - before);
  expect(drops.lost).toEqual(lost);
  return lost;
}
