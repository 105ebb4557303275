import { once } from 'node:events';
import { beforeAll, expect, it } from 'vitest';
import { type DropEvent, type Ledger, openInjector, watchDrops } from '../../lib/index.ts';
import { linkCounters, linkUp, netnsOf } from '../support/namespace.ts';
import { dropUnknown, UNKNOWN } from '../support/recipe.ts';
import { take, takeAll } from '../support/take.ts';

beforeAll(() => linkUp('lo'));

it('tells who sent the frame, and the counter before and after', async () => {
  await using drops = await watchDrops({ interface: 'lo' });
  const armed = process.hrtime.bigint();
  await dropUnknown();
  const [drop] = await take(drops[Symbol.asyncIterator](), 1);
  const after = BigInt(linkCounters('lo').rx['dropped'] ?? 0);
  expect(drop).toMatchObject({
    probe: 'ebpf',
    interface: 'lo',
    ifindex: 1,
    netns: netnsOf(),
    source: UNKNOWN.source,
    destination: UNKNOWN.destination,
    etherType: UNKNOWN.etherType,
    counter: { name: 'rx_dropped', before: after - 1n, after },
    reason: 'UNHANDLED_PROTO',
    location: '__netif_receive_skb_core',
    length: 60,
  });
  expect(drop?.timestampNs).toBeGreaterThan(armed);
  expect(drop?.timestampNs).toBeLessThan(process.hrtime.bigint());
  expect(Math.abs(Date.now() - Number(drop?.time))).toBeLessThan(60_000);
  expect(drop?.header.length).toBe(60);
});

it('tells every listener, loop and batch of each drop', async () => {
  await using drops = await watchDrops();
  const heard: DropEvent[][] = [[], []];
  for (const list of heard) drops.on('drop', (drop) => list.push(drop));
  const loops = [drops[Symbol.asyncIterator](), drops[Symbol.asyncIterator]()];
  const batches = drops.batches();
  await dropUnknown(3);
  await drops.close();
  const looped = await Promise.all(loops.map(takeAll));
  const batched = (await takeAll(batches)).flatMap((batch) => [...batch]);
  for (const list of [...heard, ...looped, batched]) {
    expect(list.map(({ etherType }) => etherType)).toEqual([0x4321, 0x4321, 0x4321]);
  }
});

it('keeps drops for the first who wants them', async () => {
  await using drops = await watchDrops();
  await dropUnknown(2);
  const first = once(drops, 'drop');
  expect((await first)[0]).toMatchObject({ etherType: 0x4321 });
  // once() has left, so the second one waits again.
  await dropUnknown();
  expect(await take(drops[Symbol.asyncIterator](), 2)).toHaveLength(2);
});

it('keeps what a loop did not read for the next loop', async () => {
  await using drops = await watchDrops();
  await dropUnknown(3);
  for await (const _ of drops) break;
  await dropUnknown();
  await drops.close();
  expect(await takeAll(drops)).toHaveLength(3);
});

it('tells drops in their order when a listener sends frames and asks for the ledger at each', async () => {
  using injector = openInjector('lo');
  const dropped = () => linkCounters('lo').rx['dropped'] ?? 0;
  // Waits without a turn of the event loop. The next frame may be sent on another CPU.
  const dropOne = () => {
    const before = dropped();
    injector.send(UNKNOWN);
    while (dropped() === before);
  };
  await using drops = await watchDrops({ interface: 'lo' });
  const values: (bigint | undefined)[] = [];
  const ledgers: Promise<Ledger>[] = [];
  drops.on('drop', ({ counter }) => {
    values.push(counter?.after);
    if (values.length < 10) dropOne();
    ledgers.push(drops.ledger());
  });
  dropOne();
  dropOne();
  while (values.length < 11) await drops.ledger();
  const first = values[0] ?? 0n;
  expect(values).toEqual(values.map((_, i) => first + BigInt(i)));
  const last = (await Promise.all(ledgers)).at(-1);
  expect(last?.rows).toMatchObject([{ counter: 'rx_dropped', attributed: 11n, unattributed: 0n }]);
});

it('counts what exceeds the queue of a slow reader as lost', async () => {
  await using drops = await watchDrops({ queueLimit: 2 });
  const lost: number[] = [];
  drops.on('lost', ({ count, where, probe }) => {
    expect([where, probe]).toEqual(['queue', 'ebpf']);
    lost.push(count);
  });
  await dropUnknown(5);
  await drops.close();
  expect(await takeAll(drops)).toHaveLength(2);
  expect(lost.reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(drops.lost).toEqual({ kernel: 0, queue: 3, output: 0 });
});

it('counts what exceeds the ring as lost in the kernel', async () => {
  await using drops = await watchDrops({ ringBytes: 4096, headerBytes: 256 });
  const before = linkCounters('lo').rx['dropped'] ?? 0;
  // injectFrame() does not yield to the loop that empties the ring: the kernel takes each at once.
  await dropUnknown(500);
  await drops.close();
  const told = await takeAll(drops);
  expect(drops.lost.kernel).toBeGreaterThan(0);
  expect(told.length + drops.lost.kernel).toBe((linkCounters('lo').rx['dropped'] ?? 0) - before);
});

it('lets several watches see the same drops, each with its filter', async () => {
  await using all = await watchDrops();
  await using same = await watchDrops({ etherType: 0x4321, source: UNKNOWN.source });
  await using none = await watchDrops({ etherType: 0x4321, source: '00:00:5e:00:53:01' });
  await dropUnknown(2);
  const seen = [];
  for (const drops of [all, same, none]) {
    await drops.close();
    seen.push((await takeAll(drops)).length);
  }
  expect(seen).toEqual([2, 2, 0]);
});

it('gives the drops of a batch by index and by slice', async () => {
  await using drops = await watchDrops();
  await dropUnknown(4);
  await drops.close();
  const [batch] = await takeAll(drops.batches());
  expect(batch?.length).toBe(4);
  expect(batch?.at(3).counter?.after).toBe((batch?.at(0).counter?.after ?? 0n) + 3n);
  expect([...(batch?.slice(1, -1) ?? [])].map(({ counter }) => counter?.after)).toEqual([
    batch?.at(1).counter?.after,
    batch?.at(2).counter?.after,
  ]);
  expect(() => batch?.at(4)).toThrow('Expected an index from 0 to 3 but received 4.');
});
