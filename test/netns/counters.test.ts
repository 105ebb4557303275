import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DropEvent, injectFrame, watchDrops } from '../../lib/index.ts';
import { collectUntilMarker, stayOnCpu } from '../support/collect.ts';
import { vethScene } from '../support/drop-scene.ts';
import { frameSender, type SenderOptions } from '../support/frame-sender.ts';
import { unknownFrame } from '../support/frames.ts';
import { readDropCounters } from '../support/link-counters.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp, moveLink, openNamespace, vethPair } from '../support/namespace.ts';
import { waitFor } from '../support/wait-for.ts';

beforeAll(async () => {
  stayOnCpu(0);
  await vethScene();
});

it('adds up what both CPUs count', async () => {
  await using drops = await watchDrops({ interface: ['b', 'lo'] });
  await Promise.all([0, 1].map((cpu) => send({ on: 'a', count: 2000, cpu })));
  const told = await collectUntilMarker(drops, 4000);
  expect(told).toHaveLength(4000);
  expect(new Set(told.map(({ cpu }) => cpu))).toEqual(new Set([0, 1]));
  expectOneEach(told);
  for (const cpu of [0, 1]) {
    const values = afters(told.filter((drop) => drop.cpu === cpu));
    expect(values).toEqual(values.toSorted(ascending));
  }
  const { rx_dropped: shown } = await readDropCounters('b');
  expect(afters(told).toSorted(ascending).at(-1)).toBe(shown);
  expect(await nextAfter()).toBe(shown + 1n);
});

it('goes on where the counter stood when it was armed', async () => {
  for (let i = 0; i < 3; i++) await injectFrame('a', unknownFrame());
  const { rx_dropped: before } = await readDropCounters('b');
  await using drops = await watchDrops();
  await injectFrame('a', unknownFrame());
  const told = await collectUntilMarker(drops);
  expect(told.map(({ counter }) => counter)).toEqual([
    { name: 'rx_dropped', before, after: before + 1n },
  ]);
});

it('leaves out no drop once it is armed, also in the midst of a flood', async () => {
  const flood = send({ on: 'a', count: 300_000, cpu: 1 });
  const { rx_dropped: start } = await readDropCounters('b');
  await waitFor('the flood', async () => (await readDropCounters('b')).rx_dropped > start);
  await using drops = await watchDrops({
    interface: ['b', 'lo'],
    ringBytes: 2 ** 26,
    queueLimit: 300_000,
  });
  const { rx_dropped: armed } = await readDropCounters('b');
  await flood;
  const values = afters(await collectUntilMarker(drops));
  expect(drops.lost).toEqual({ kernel: 0, queue: 0, output: 0 });
  const first = values[0] ?? 0n;
  expect(first).toBeLessThanOrEqual(armed + 1n);
  expect(values.findIndex((after, at) => after !== first + BigInt(at))).toBe(-1);
  expect(values.at(-1)).toBe((await readDropCounters('b')).rx_dropped);
});

it('begins at 1 on each device that is born while it watches, whoever was there before', async () => {
  await using drops = await watchDrops();
  for (let life = 1; life <= 50; life++) {
    // The same ifindex each time; and the kernel gives out the memory of those that went.
    ip('link', 'add', 'name', 'c', 'index', '1000', 'type', 'veth', 'peer', 'name', 'd');
    for (const name of ['c', 'd']) {
      ip('link', 'set', 'dev', name, 'addrgenmode', 'none');
      linkUp(name);
    }
    await carrier('d');
    for (let i = 0; i < 3; i++) await injectFrame('d', unknownFrame());
    const told = await collectUntilMarker(drops);
    expect([life, told.map(({ ifindex }) => ifindex)]).toEqual([life, [1000, 1000, 1000]]);
    expect([life, afters(told)]).toEqual([life, [1n, 2n, 3n]]);
    expect((await readDropCounters('c')).rx_dropped).toBe(3n);
    ip('link', 'delete', 'dev', 'c');
  }
});

it.each(['before', 'after'])(
  'knows the old drops of a device that moves in, armed %s them',
  async (order) => {
    await using other = await openNamespace();
    await using early = await watchDrops();
    vethPair('e', 'f');
    moveLink('f', other);
    linkUp('e');
    other.ip('link', 'set', 'dev', 'f', 'up');
    await carrier('e');
    for (let i = 0; i < 7; i++) await injectFrame('e', unknownFrame());
    await using late = await watchDrops();
    other.ip('link', 'set', 'dev', 'f', 'netns', String(process.pid));
    linkUp('f');
    await carrier('e');
    await injectFrame('e', unknownFrame());
    const told = await collectUntilMarker(order === 'before' ? early : late);
    expect(told.map(({ interface: name, counter }) => [name, counter])).toEqual([
      ['f', { name: 'rx_dropped', before: 7n, after: 8n }],
    ]);
    expect((await readDropCounters('f')).rx_dropped).toBe(8n);
    ip('link', 'delete', 'dev', 'e');
  },
);

it('tells frames that are longer than the MTU of the peer with the counter of the peer', async () => {
  ip('link', 'set', 'dev', 'b', 'mtu', '1000');
  const { rx_dropped: start } = await readDropCounters('b');
  await using drops = await watchDrops();
  for (const cpu of [0, 1, 0]) {
    await send({ on: 'a', count: 5, length: 1400, cpu });
    await send({ on: 'a', count: 5, cpu });
    await send({ on: 'b', count: 5, cpu });
  }
  const told = await collectUntilMarker(drops, 45);
  ip('link', 'set', 'dev', 'b', 'mtu', '1500');
  expect(told).toHaveLength(45);
  expectOneEach(told);
  const values = afters(told.filter(({ interface: name }) => name === 'b'));
  expect(values.map((after) => after - start)).toEqual(
    Array.from({ length: 30 }, (_, i) => BigInt(i + 1)),
  );
  expect((await readDropCounters('b')).rx_dropped).toBe(start + 30n);
});

describe('of which the driver has counted a part by itself', () => {
  beforeAll(async () => {
    ip('link', 'set', 'dev', 'b', 'mtu', '1000');
    await send({ on: 'a', count: 500, length: 1400 });
    expect((await readDropCounters('a')).tx_dropped).toBeGreaterThanOrEqual(500n);
    // What follows is counted by the kernel itself.
    ip('link', 'set', 'dev', 'b', 'down');
    await carrier('a', 'LOWERLAYERDOWN');
  });

  it.each([3, 100_000])('tells the value that netlink shows, also of %i at once', async (count) => {
    const { tx_dropped: before } = await readDropCounters('a');
    await using drops = await watchDrops({
      interface: ['a', 'lo'],
      ringBytes: 2 ** 26,
      queueLimit: count,
    });
    await send({ on: 'a', count, cpu: 1 });
    const values = afters(await collectUntilMarker(drops, count));
    expect(values.findIndex((after, at) => after !== before + BigInt(at + 1))).toBe(-1);
    expect((await readDropCounters('a')).tx_dropped).toBe(before + BigInt(count));
  });
});

async function send(options: SenderOptions): Promise<void> {
  await promisify(execFile)(...frameSender(options));
}

/** What one more drop on `b` shows, in a watch that is armed now. */
async function nextAfter(): Promise<bigint | undefined> {
  await using drops = await watchDrops();
  await injectFrame('a', unknownFrame());
  return afters(await collectUntilMarker(drops)).at(-1);
}

function afters(drops: readonly DropEvent[]): bigint[] {
  return drops.map(({ counter }) => counter?.after ?? -1n);
}

function expectOneEach(drops: readonly DropEvent[]): void {
  const steps = drops.map(({ counter }) => counter && counter.after - counter.before);
  expect(new Set(steps)).toEqual(new Set([1n]));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
