import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import {
  injectFrame,
  type NetworkNamespaceRef,
  openInjector,
  readLinkStats,
  watchDrops,
} from '../../lib/index.ts';
import { linkUp, netnsOf, openNamespace, type PeerNamespace } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { countDescriptors, descriptorsBackTo } from '../support/resources.ts';
import { take } from '../support/take.ts';

beforeAll(() => linkUp('lo'));

const NAME = `dropscope-${process.pid}`;

/** Makes a namespace with a `lo` that is up, and gives its name to what it is called. */
async function named(): Promise<PeerNamespace> {
  const other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  other.ip('link', 'add', 'dev', 'only-there', 'type', 'veth', 'peer', 'name', 'its-peer');
  return other;
}

const MISSING: readonly [NetworkNamespaceRef, string][] = [
  ['no-such-name', 'There is no network namespace "no-such-name".'],
  ['/proc/self/ns/nothing', 'There is no network namespace "/proc/self/ns/nothing".'],
  ['/proc/self/ns/mnt', '"/proc/self/ns/mnt" is no network namespace.'],
  ['/dev/null', '"/dev/null" is no network namespace.'],
  [4_000_000, 'There is no process 4000000.'],
];

it.each(MISSING)('says so when there is none: %j', async (networkNamespace, message) => {
  const before = countDescriptors();
  const refused = expect.objectContaining({
    name: 'ArgumentError',
    argument: 'options.networkNamespace',
    message: expect.stringContaining(message),
  });
  await expect(watchDrops({ networkNamespace })).rejects.toEqual(refused);
  await expect(readLinkStats('lo', { networkNamespace })).rejects.toEqual(refused);
  expect(() => openInjector('lo', { networkNamespace })).toThrow(refused);
  expect(countDescriptors()).toBe(before);
});

const REFS: readonly [string, (other: PeerNamespace) => NetworkNamespaceRef][] = [
  ['the number of a process', ({ pid }) => pid],
  ['a path', ({ pid }) => `/proc/${pid}/ns/net`],
];

it.each(REFS)('watches, sends and reads there, by %s', async (_, refOf) => {
  await using other = await named();
  const networkNamespace = refOf(other);
  // Opens what all calls share, some of which closes by itself.
  await injectFrame('lo', UNKNOWN);
  await injectFrame('lo', UNKNOWN);
  const before = countDescriptors();
  {
    await using drops = await watchDrops({ interface: 'lo', networkNamespace });
    using injector = openInjector('lo', { networkNamespace });
    injector.send({ destination: UNKNOWN.destination, etherType: UNKNOWN.etherType });
    await injectFrame('lo', UNKNOWN);
    const [drop] = await take(drops[Symbol.asyncIterator](), 1);
    expect(drop).toMatchObject({
      netns: other.netns,
      interface: 'lo',
      source: '00:00:00:00:00:00',
      counter: { name: 'rx_dropped', before: 0n, after: 1n },
    });
    expect(await readLinkStats('lo', { networkNamespace })).toMatchObject({ rxDropped: 1n });
    const names = (await readLinkStats({ networkNamespace })).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['lo', 'only-there', 'its-peer']));
    expect((await drops.ledger()).rows).toMatchObject([
      { interface: 'lo', netns: other.netns, counted: 1n, attributed: 1n, unattributed: 0n },
    ]);
    expect(netnsOf()).not.toBe(other.netns);
  }
  await descriptorsBackTo(before);
});

it('finds a namespace by the name that ip netns gave it', async () => {
  execFileSync('ip', ['netns', 'add', NAME]);
  try {
    expect(existsSync(`/run/netns/${NAME}`)).toBe(true);
    const links = await readLinkStats({ networkNamespace: NAME });
    expect(links.map(({ name }) => name)).toEqual(['lo']);
    await using drops = await watchDrops({ networkNamespace: NAME });
    execFileSync('ip', ['-n', NAME, 'link', 'set', 'dev', 'lo', 'up']);
    using injector = openInjector('lo', { networkNamespace: NAME });
    injector.send(UNKNOWN);
    const [drop] = await take(drops[Symbol.asyncIterator](), 1);
    expect(drop?.source).toBe(UNKNOWN.source);
  } finally {
    execFileSync('ip', ['netns', 'delete', NAME]);
  }
});

it('ends when an interface goes there', async () => {
  await using other = await named();
  const networkNamespace = other.pid;
  await using drops = await watchDrops({ interface: 'only-there', networkNamespace });
  const loop = drops[Symbol.asyncIterator]().next();
  other.ip('link', 'delete', 'dev', 'only-there');
  await expect(loop).rejects.toMatchObject({ code: 'ERR_INTERFACE_GONE' });
});

it('watches all of them at once, and says of each drop whose it is', async () => {
  await using first = await named();
  await using second = await named();
  // Other drops of this machine are told, too: these are of nobody else.
  const pid = process.pid
    .toString(16)
    .padStart(8, '0')
    .replace(/..(?!$)/g, '$&:');
  const sources = ['01', '02', '03'].map((last) => `06:${pid}:${last}`);
  await using drops = await watchDrops({ networkNamespace: 'all', source: sources });
  const refs = [first.pid, second.pid, undefined];
  for (const [i, networkNamespace] of refs.entries()) {
    using injector = openInjector('lo', { networkNamespace });
    injector.send({ ...UNKNOWN, source: sources[i] });
  }
  const told = await take(drops[Symbol.asyncIterator](), 3);
  expect(told.map(({ netns, source }) => [netns, source])).toEqual([
    [first.netns, sources[0]],
    [second.netns, sources[1]],
    [netnsOf(), sources[2]],
  ]);
  const { rows } = await drops.ledger();
  for (const netns of [first.netns, second.netns, netnsOf()]) {
    expect(rows).toContainEqual(
      expect.objectContaining({ netns, interface: 'lo', attributed: 1n, unattributed: 0n }),
    );
  }
});

it.each<unknown>([0, -1, 1.5, '', 'a\0b', {}, null])(
  'refuses what can be none: %j',
  async (ref) => {
    const refused = { name: 'ArgumentError', argument: 'options.networkNamespace' };
    const options = { networkNamespace: ref };
    await expect(Reflect.apply(watchDrops, undefined, [options])).rejects.toMatchObject(refused);
    await expect(Reflect.apply(readLinkStats, undefined, [options])).rejects.toMatchObject(refused);
  },
);
