import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import type { DropEvent, DropWatch, Ledger } from '../../lib/index.ts';
import type { RunningProbe } from '../../lib/probes/probe.ts';
import { DropFeed } from '../../lib/watch/drop-feed.ts';
import { OpenWatch } from '../../lib/watch/open-watch.ts';
import { batchOf } from '../support/batch-of.ts';
import { takeAll } from '../support/take.ts';

it('gives the rest of a batch to the loop that a listener opens when it leaves', async () => {
  const { feed, drops } = open();
  const loops: AsyncIterable<DropEvent>[] = [];
  drops.once('drop', () => loops.push(drops[Symbol.asyncIterator]()));
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  expect(await numbers(loops[0])).toEqual([2, 3]);
});

it('gives a batch to the loop that is opened when another one had no room for it', async () => {
  const { feed, drops } = open(2);
  const slow = drops[Symbol.asyncIterator]();
  const loops: AsyncIterable<DropEvent>[] = [];
  drops.once('lost', () => loops.push(drops[Symbol.asyncIterator]()));
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  expect(await numbers(slow)).toEqual([1, 2]);
  expect(await numbers(loops[0])).toEqual([1, 2]);
  expect(drops.lost).toEqual({ kernel: 0, queue: 2, output: 0 });
});

it('keeps a batch once when its only loop is left because it had no room', async () => {
  const { feed, drops } = open(2);
  const slow = drops[Symbol.asyncIterator]();
  drops.once('lost', () => void slow.return?.());
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  expect(await numbers(drops)).toEqual([1, 2]);
  expect(drops.lost).toEqual({ kernel: 0, queue: 1, output: 0 });
});

it('keeps the rest of a batch when a listener leaves its loop and then itself', async () => {
  const { feed, drops } = open();
  const loop = drops[Symbol.asyncIterator]();
  drops.on('drop', () => {
    void loop.return?.();
    drops.removeAllListeners('drop');
  });
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  expect(await numbers(drops)).toEqual([2, 3]);
});

it('keeps drops once that two loops leave unread after the end', async () => {
  const { feed, drops } = open();
  const loops = [drops[Symbol.asyncIterator](), drops[Symbol.asyncIterator]()];
  feed.batch(batchOf([1, 2]));
  await drops.close();
  for (const loop of loops) await loop.return?.();
  expect(await numbers(drops)).toEqual([1, 2]);
});

it('gives a batch once to the loop that follows another, from a listener', async () => {
  const { feed, drops } = open();
  const first = drops[Symbol.asyncIterator]();
  const loops: AsyncIterable<DropEvent>[] = [];
  drops.once('drop', () => {
    void first.return?.();
    loops.push(drops[Symbol.asyncIterator]());
  });
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  expect(await numbers(loops[0])).toEqual([1, 2, 3]);
});

it('tells what was kept first when a listener of drops comes with a loss', async () => {
  const { feed, drops } = open();
  const told: number[] = [];
  feed.batch(batchOf([1, 2]));
  drops.on('lost', () => drops.on('drop', ({ ifindex }) => told.push(ifindex)));
  feed.lost({ probe: 'ebpf', count: 1, where: 'kernel' });
  feed.batch(batchOf([3]));
  expect(told).toEqual([1, 2, 3]);
  await drops.close();
  expect(told).toEqual([1, 2, 3]);
});

it('tells what was kept also after removeAllListeners()', async () => {
  const { feed, drops } = open();
  const told: number[] = [];
  drops.removeAllListeners();
  feed.batch(batchOf([1, 2]));
  drops.on('drop', ({ ifindex }) => told.push(ifindex));
  await drops.close();
  expect(told).toEqual([1, 2]);
});

it('keeps after close what a listener was not told', async () => {
  const { feed, drops } = open();
  feed.batch(batchOf([1, 2, 3]));
  await drops.close();
  await once(drops, 'drop');
  expect(await numbers(drops)).toEqual([2, 3]);
});

it('tells what goes wrong at closing, ends what is open and frees the rest', async () => {
  const error = new Error('close failed');
  const { drops, cleanUp } = open(10, () => {
    throw error;
  });
  const closed = once(drops, 'close');
  const waiting = drops[Symbol.asyncIterator]().next();
  await Promise.all([expect(waiting).rejects.toBe(error), drops.close(), closed]);
  expect(cleanUp).toHaveBeenCalledTimes(1);
});

it("tells 'error' of what fails while closing where no loop is open", async () => {
  const error = new Error('the ring could not be read');
  const { drops } = open(10, (feed) => feed.failed(error));
  const told = vi.fn();
  drops.on('error', told);
  await drops.close();
  expect(told).toHaveBeenCalledExactlyOnceWith(error);
});

it('tells drops in their order when a listener asks for the ledger at each of them', async () => {
  const waiting = [[3, 4], [5]];
  const { feed, drops, running } = open();
  running.flush = () => {
    const next = waiting.shift();
    if (next !== undefined) feed.batch(batchOf(next));
  };
  const told: number[] = [];
  const ledgers: Promise<unknown>[] = [];
  drops.on('drop', ({ ifindex }) => {
    told.push(ifindex);
    ledgers.push(drops.ledger());
  });
  feed.batch(batchOf([1, 2]));
  expect(told).toEqual([1, 2]);
  await vi.waitUntil(() => told.length === 5);
  await Promise.all(ledgers);
  expect(told).toEqual([1, 2, 3, 4, 5]);
  await drops.close();
});

it('makes one ledger for all who ask before it is begun', async () => {
  const { drops, running } = open();
  running.flush = vi.fn();
  const [first, second] = await Promise.all([drops.ledger(), drops.ledger()]);
  expect(first).toBe(second);
  expect(running.flush).toHaveBeenCalledTimes(1);
  await drops.ledger();
  expect(running.flush).toHaveBeenCalledTimes(2);
  await drops.close();
});

/** A watch whose probe is the test. */
function open(queueLimit = 10, close: (feed: DropFeed) => void = () => {}) {
  const feed = new DropFeed(queueLimit);
  const cleanUp = vi.fn();
  const running: RunningProbe = {
    name: 'ebpf',
    flush() {},
    accounts: () => [],
    close: () => close(feed),
    ref() {},
    unref() {},
  };
  const books = { since: new Date(), ledger };
  const parts = { feed, running, books, passedOver: [], summary: undefined, everyMs: undefined };
  const drops: DropWatch = new OpenWatch({ ...parts, cleanUp, release: () => {} });
  return { feed, drops, cleanUp, running };
}

/** A ledger without rows. */
async function ledger(running: RunningProbe): Promise<Ledger> {
  await running.flush();
  const now = new Date();
  const softnet = { dropped: 0n, timeSqueeze: 0n };
  return { probe: running.name, since: now, until: now, rows: [], taps: [], softnet, unknown: [] };
}

/** The numbers of all drops up to the end of a loop. */
async function numbers(loop: AsyncIterable<DropEvent> | undefined): Promise<number[]> {
  if (loop === undefined) throw new Error('There was no such loop.');
  return (await takeAll(loop)).map(({ ifindex }) => ifindex);
}
