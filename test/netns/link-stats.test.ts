import { beforeAll, expect, it } from 'vitest';
import { type LinkStats, openInjector, readLinkStats } from '../../lib/index.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp, vethPair } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';

const TO_B = '02:00:00:00:00:0b';

/** What `ip -s -s -j link show` prints of a link. */
interface Printed {
  readonly ifname: string;
  readonly ifindex: number;
  readonly stats64: Readonly<Record<'rx' | 'tx', Readonly<Record<string, number>>>>;
}

beforeAll(async () => {
  vethPair('veth-a', 'veth-b');
  ip('link', 'set', 'dev', 'veth-b', 'address', TO_B);
  ip('link', 'set', 'dev', 'veth-b', 'mtu', '1000');
  for (const name of ['lo', 'veth-a', 'veth-b']) linkUp(name);
  for (const name of ['veth-a', 'veth-b']) await carrier(name);
});

/** Moves as many counters as a veth pair has, each to another value. */
function makeTraffic(): void {
  using injector = openInjector('veth-a');
  const frame = { destination: TO_B, etherType: 0x4321 };
  const send = (times: number, change: object) => {
    for (let i = 0; i < times; i += 1) injector.send({ ...frame, ...change });
  };
  send(7, {});
  send(5, { destination: '01:00:5e:00:00:01' });
  send(3, { destination: '02:00:00:00:00:99', etherType: 0x0800 });
  for (let i = 0; i < 2; i += 1) {
    expect(() => send(1, { payload: Buffer.alloc(1400) })).toThrow('ENOBUFS');
  }
}

/** All that ip prints of a link, by the names that LinkStats has for it. */
function fieldsOf({ ifname, ifindex, stats64 }: Printed): object {
  // carrier_changes is no counter of the statistics but an attribute of its own.
  const { carrier_changes: _, ...tx } = stats64.tx;
  const counters = [
    ...Object.entries(stats64.rx).map(([key, value]) => [fieldOf('rx', key), BigInt(value)]),
    ...Object.entries(tx).map(([key, value]) => [fieldOf('tx', key), BigInt(value)]),
  ];
  return { name: ifname, ifindex, ...Object.fromEntries(counters) };
}

function fieldOf(direction: 'rx' | 'tx', key: string): string {
  if (key === 'multicast' || key === 'collisions') return key;
  if (key === 'otherhost') return 'rxOtherhostDropped';
  return `${direction}_${key}`.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

it('reads what ip prints, of one link and of all', async () => {
  makeTraffic();
  const links: Printed[] = JSON.parse(ip('-s', '-s', '-j', 'link', 'show'));
  expect(links.map(({ ifname }) => ifname).sort()).toEqual(['lo', 'veth-a', 'veth-b']);
  const all = await readLinkStats();
  expect(all).toHaveLength(links.length);
  for (const link of links) {
    const one = await readLinkStats(link.ifname);
    expect(one).toMatchObject(fieldsOf(link));
    expect(all).toContainEqual(one);
    expect(await readLinkStats(link.ifindex)).toEqual(one);
  }
});

it('reads counters that ip prints when they are not 0, and the bytes of each frame', async () => {
  const before = { a: await readLinkStats('veth-a'), b: await readLinkStats('veth-b') };
  makeTraffic();
  const after = { a: await readLinkStats('veth-a'), b: await readLinkStats('veth-b') };
  expect(moved(before.a, after.a)).toEqual({ txPackets: 15n, txBytes: 15n * 60n, txDropped: 2n });
  expect(moved(before.b, after.b)).toEqual({
    rxPackets: 15n,
    rxBytes: 15n * 60n,
    // 7 and 5 that nobody handles, 2 that are longer than its MTU.
    rxDropped: 14n,
    rxOtherhostDropped: 3n,
  });
});

function moved(before: LinkStats, after: LinkStats): object {
  const old = new Map<string, unknown>(Object.entries(before));
  return Object.fromEntries(
    Object.entries(after).flatMap(([field, value]) => {
      const was = old.get(field);
      return typeof value === 'bigint' && typeof was === 'bigint' && value !== was
        ? [[field, value - was]]
        : [];
    }),
  );
}

it('has every counter of this kernel, as a bigint', async () => {
  const { name, ifindex, ...counters } = await readLinkStats('lo');
  expect([name, ifindex]).toEqual(['lo', 1]);
  expect(Object.keys(counters)).toHaveLength(25);
  expect(Object.values(counters).every((value) => typeof value === 'bigint')).toBe(true);
});

it('finds a link by an alternative name and calls it by its own', async () => {
  ip('link', 'property', 'add', 'dev', 'veth-a', 'altname', 'uplink');
  expect(await readLinkStats('uplink')).toMatchObject({ name: 'veth-a' });
});

it('follows renames, for it asks the kernel each time', async () => {
  vethPair('old-a', 'old-b');
  const { ifindex } = await readLinkStats('old-a');
  ip('link', 'set', 'dev', 'old-a', 'name', 'new-a');
  ip('link', 'set', 'dev', 'old-b', 'name', 'old-a');
  expect(await readLinkStats('new-a')).toMatchObject({ name: 'new-a', ifindex });
  expect((await readLinkStats('old-a')).ifindex).not.toBe(ifindex);
  ip('link', 'del', 'dev', 'new-a');
  await expect(readLinkStats('new-a')).rejects.toMatchObject({ code: 'ERR_NO_INTERFACE' });
  await expect(readLinkStats(ifindex)).rejects.toThrow(
    `There is no interface with index ${ifindex}. Interfaces here: lo, `,
  );
});

it('reads more links than fit into one answer of the kernel', async () => {
  const before = await readLinkStats();
  for (let i = 0; i < 100; i += 1) vethPair(`many-a${i}`, `many-b${i}`);
  const after = await readLinkStats();
  expect(after).toHaveLength(before.length + 200);
  expect(new Set(after.map(({ name }) => name)).size).toBe(after.length);
});

it('opens one descriptor, however often it is called', async () => {
  await readLinkStats();
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) await readLinkStats('lo');
  await readLinkStats();
  expect(countDescriptors()).toBe(before);
});
