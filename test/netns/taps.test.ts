import { release } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EthernetFrame, injectFrame, readLinkStats } from '../../lib/index.ts';
import { isOlder } from '../../lib/kernel-version.ts';
import { openTaps } from '../../lib/link/taps.ts';
import { stayOnCpu } from '../support/collect.ts';
import type { Arrangement } from '../support/drop-kind.ts';
import { vethScene } from '../support/drop-scene.ts';
import { BROADCAST, llcFrame, unknownFrame } from '../support/frames.ts';
import { addLink, carrier, dropByTc, tc } from '../support/links.ts';
import { ip, linkUp, netnsOf, openNamespace } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { waitFor } from '../support/wait-for.ts';

const MACVLAN = '00:00:5e:00:53:0c';
const LLDP = '01:80:c2:00:00:0e';

/** ETH_P_ALL, the EtherType of the frames, and ETH_P_802_3. */
const ALL = 3;
const OWN = 0x4321;
const RAW = 1;

/** A frame that no tap here takes for itself: with a VLAN tag, and of another EtherType. */
const MARKER: EthernetFrame = {
  destination: '00:00:00:00:00:00',
  etherType: 0x4322,
  vlan: { id: 7 },
};

/** Three frames of each: without a tag, with that of VLAN 0, and with that of VLAN 7. */
const TAGS = [undefined, { id: 0 }, { id: 7 }];
const FRAMES = 3;

/** How many of each are dropped on a link in spite of a tap that hides none, some or all. */
const DROPPED = { none: [3, 3, 3], untagged: [0, 3, 3], any: [0, 0, 0] };

interface Case {
  readonly protocol: number;
  /** '': the tap is bound to no interface. */
  readonly tap: string;
  /** What is said of every link, and measured on that which drops the frames. */
  readonly hides: Readonly<Record<string, keyof typeof DROPPED>>;
  readonly destination?: string;
  /** The link that drops the frames, where there is no tap. */
  readonly drops: string;
}

beforeAll(async () => {
  await vethScene();
  stayOnCpu(0);
});

/** By how much `rx_dropped` of a link rises when these frames are sent on `a`. */
async function droppedOf(link: string, frames: readonly (EthernetFrame | Uint8Array)[]) {
  const { rxDropped: before } = await readLinkStats(link);
  const { rxDropped: marked } = await readLinkStats('lo');
  for (const frame of frames) await injectFrame('a', frame);
  await injectFrame('lo', MARKER);
  await waitFor('the marker', async () => (await readLinkStats('lo')).rxDropped > marked);
  return Number((await readLinkStats(link)).rxDropped - before);
}

async function droppedByTag(link: string, destination?: string): Promise<number[]> {
  const dropped: number[] = [];
  for (const vlan of TAGS) {
    const change = { ...(destination && { destination }), ...(vlan && { vlan }) };
    dropped.push(await droppedOf(link, Array(FRAMES).fill(unknownFrame(change))));
  }
  return dropped;
}

function holdTap(protocol: number, name: string, enter: readonly string[] = []) {
  const bound = name === '' ? [] : [`s.bind(("${name}", ${protocol}))`];
  const first = name === '' ? `socket.htons(${protocol})` : '0';
  const open = `s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ${first})`;
  return holdPython(['import socket', open, ...bound], enter);
}

function testTaps(arrange: Arrangement, cases: readonly Case[]): void {
  beforeAll(arrange);

  it.each(cases.map((one) => [one.protocol, one.tap || 'all', one] as const))(
    'hides what is said of a tap of protocol %i on %s: %j',
    async (_, __, { protocol, tap, hides, destination, drops }) => {
      expect(await droppedByTag(drops, destination)).toEqual(DROPPED.none);
      await using python = await holdTap(protocol, tap);
      expect(openTaps()).toEqual([
        {
          ...(tap !== '' && { interface: tap }),
          ...(protocol !== ALL && { etherType: protocol }),
          netns: netnsOf(),
          hides,
          processes: [{ pid: python.pid, name: 'python3' }],
        },
      ]);
      expect(await droppedByTag(drops, destination)).toEqual(DROPPED[hides[drops] ?? 'none']);
    },
  );
}

describe('on a plain link', () => {
  testTaps(
    () => () => {},
    [
      { protocol: ALL, tap: 'b', hides: { b: 'untagged' }, drops: 'b' },
      {
        protocol: ALL,
        tap: '',
        hides: { lo: 'untagged', a: 'untagged', b: 'untagged' },
        drops: 'b',
      },
      { protocol: OWN, tap: 'b', hides: { b: 'any' }, drops: 'b' },
      { protocol: OWN, tap: '', hides: { lo: 'any', a: 'any', b: 'any' }, drops: 'b' },
      { protocol: ALL, tap: 'a', hides: { a: 'untagged' }, drops: 'b' },
    ],
  );

  it('lists taps of IEEE 802.3 frames, which have no EtherType', async () => {
    const raw = Array(3).fill(llcFrame('02:00:00:00:00:0b', [0xff, 0xff]));
    expect(await droppedOf('b', raw)).toBe(3);
    await using _ = await holdTap(RAW, 'b');
    await using __ = await holdTap(4, 'b');
    expect(openTaps()).toMatchObject([
      { interface: 'b', etherType: RAW, hides: { b: 'any' } },
      { interface: 'b', etherType: 4, hides: { b: 'any' } },
    ]);
    expect(await droppedOf('b', raw)).toBe(0);
    expect(await droppedByTag('b')).toEqual(DROPPED.none);
  });

  it('lists those alone that take frames of the interfaces that are asked for', async () => {
    await using _ = await holdTap(ALL, 'b');
    await using __ = await holdTap(OWN, '');
    expect(openTaps(undefined, ['a', 'lo'])).toMatchObject([
      { etherType: OWN, hides: { a: 'any', lo: 'any' } },
    ]);
    expect(openTaps(undefined, ['a', 'lo'])[0]?.hides).not.toHaveProperty('b');
  });

  // Before Linux 6.15 all network namespaces have one list of the taps that are bound to no interface.
  it.skipIf(isOlder(release(), [6, 15]))(
    'leaves out taps of other network namespaces, which hide nothing here',
    async () => {
      await using peer = await openNamespace();
      const enter = ['nsenter', '--net', '-t', String(peer.pid), '--'];
      await using _ = await holdTap(ALL, '', enter);
      expect(openTaps()).toEqual([]);
      expect(await droppedByTag('b')).toEqual(DROPPED.none);
      expect(openTaps(peer.pid)).toMatchObject([{ netns: peer.netns, hides: { lo: 'untagged' } }]);
    },
  );
});

// Before Linux 6.6 taps are served by filters alone, not by an empty place for them.
const hasServingIngress = !isOlder(release(), [6, 6]);

describe.runIf(hasServingIngress)('where tc filters what a link receives', () => {
  testTaps(() => {
    tc('qdisc', 'add', 'dev', 'b', 'ingress');
    return () => tc('qdisc', 'delete', 'dev', 'b', 'ingress');
  }, [
    { protocol: ALL, tap: 'b', hides: { b: 'none' }, drops: 'b' },
    { protocol: OWN, tap: 'b', hides: { b: 'any' }, drops: 'b' },
  ]);
});

describe.runIf(hasServingIngress)('where tc filters what a link sends', () => {
  testTaps(
    () => dropByTc('egress', 'b'),
    [{ protocol: ALL, tap: 'b', hides: { b: 'none' }, drops: 'b' }],
  );
});

describe('on a port of a bridge', () => {
  testTaps(async () => {
    addLink('br', 'bridge', { address: '00:00:5e:00:53:0d' });
    ip('link', 'set', 'dev', 'br', 'type', 'bridge', 'mcast_snooping', '0');
    ip('link', 'set', 'dev', 'b', 'master', 'br');
    linkUp('br');
    await carrier('br');
    return () => ip('link', 'delete', 'dev', 'br');
  }, [
    { protocol: ALL, tap: 'b', hides: { b: 'none' }, destination: LLDP, drops: 'b' },
    { protocol: ALL, tap: 'b', hides: { b: 'none' }, destination: BROADCAST, drops: 'br' },
    { protocol: ALL, tap: 'br', hides: { br: 'untagged' }, destination: BROADCAST, drops: 'br' },
    {
      protocol: ALL,
      tap: '',
      hides: { lo: 'untagged', a: 'untagged', b: 'none', br: 'untagged' },
      destination: BROADCAST,
      drops: 'br',
    },
    { protocol: OWN, tap: 'b', hides: { b: 'any' }, destination: LLDP, drops: 'b' },
    { protocol: OWN, tap: 'b', hides: { b: 'any' }, destination: BROADCAST, drops: 'br' },
  ]);
});

describe('where a macvlan is built on a link', () => {
  testTaps(async () => {
    addLink('mv', 'macvlan', { link: 'b', address: MACVLAN });
    linkUp('mv');
    await carrier('mv');
    return () => ip('link', 'delete', 'dev', 'mv');
  }, [
    { protocol: ALL, tap: 'b', hides: { b: 'none' }, drops: 'b' },
    { protocol: ALL, tap: 'mv', hides: { mv: 'untagged' }, destination: MACVLAN, drops: 'mv' },
    { protocol: OWN, tap: 'b', hides: { b: 'any', mv: 'any' }, drops: 'b' },
    {
      protocol: OWN,
      tap: 'b',
      hides: { b: 'any', mv: 'any' },
      destination: MACVLAN,
      drops: 'mv',
    },
    { protocol: OWN, tap: 'mv', hides: { mv: 'any' }, drops: 'b' },
  ]);
});
