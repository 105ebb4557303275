import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DropEvent,
  type DropWatch,
  expectDrops,
  injectFrame,
  type LedgerRow,
  openInjector,
  watchDrops,
} from '../../lib/index.ts';
import { collectUntilMarker, stayOnCpu } from '../support/collect.ts';
import { vethScene } from '../support/drop-scene.ts';
import { frameSender } from '../support/frame-sender.ts';
import { BROADCAST, ipv4Frame, udpDatagram, unknownFrame } from '../support/frames.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { setNamespaceSysctl } from '../support/sysctl.ts';
import { waitFor } from '../support/wait-for.ts';

// Counters that move without a drop must not be held against the frame that is dropped next.

const FRAMES = 10;

beforeAll(async () => {
  stayOnCpu(0);
  await vethScene();
  ip('address', 'add', '192.0.2.2/24', 'dev', 'b');
});

/** Opens a tun device in Python as `tun`. */
const openTun = (name: string, queueLength = 500) => [
  'import fcntl, os, socket, struct, subprocess',
  'tun = os.open("/dev/net/tun", os.O_RDWR)',
  `fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"${name}", 0x1001))`,
  `subprocess.run("ip link set ${name} txqueuelen ${queueLength} up", shell=True, check=True)`,
  `subprocess.run("ip address add 203.0.113.1/24 dev ${name}", shell=True, check=True)`,
];

/** An IPv4 packet with a UDP datagram to a port that nobody has, as Python writes it. */
const UDP_PACKET = `bytes.fromhex("${Buffer.from(
  ipv4Frame({ source: '203.0.113.9', destination: '203.0.113.1', payload: udpDatagram(4) })
    .payload ?? [],
).toString('hex')}")`;

/** Packets of IP version 0, which have no device yet when they are counted, each with a datagram behind it. */
const MIXED_PACKETS = [
  'os.sched_setaffinity(0, [0])',
  `for _ in range(${FRAMES}):`,
  '  try: os.write(tun, bytes(20))',
  '  except OSError: pass',
  `  os.write(tun, ${UDP_PACKET})`,
];

const toClosedPort = () => ipv4Frame({ destination: '192.0.2.2', payload: udpDatagram(4) });

function onLink(drops: readonly DropEvent[], name: string): DropEvent[] {
  return drops.filter((drop) => drop.interface === name);
}

async function rowOf(
  watch: DropWatch,
  name: string,
  counter: string,
): Promise<LedgerRow | undefined> {
  const { rows } = await watch.ledger();
  return rows.find((row) => row.interface === name && row.counter === counter);
}

describe('a tun device', () => {
  it('counts packets of no IP version, and the datagram after them moved no counter', async () => {
    await using watch = await watchDrops({ scope: 'all' });
    await using _ = await holdPython([...openTun('tun0'), ...MIXED_PACKETS]);
    const drops = onLink(await collectUntilMarker(watch, FRAMES), 'tun0');
    const datagrams = drops.filter(({ reason }) => reason === 'NO_SOCKET');
    expect(datagrams).toHaveLength(FRAMES);
    expect(datagrams.filter(({ counter }) => counter !== undefined)).toEqual([]);
    const row = await rowOf(watch, 'tun0', 'rx_dropped');
    expect(row).toMatchObject({
      counted: BigInt(FRAMES),
      attributed: 0n,
      unattributed: BigInt(FRAMES),
    });
    expect(row?.causes.map(({ kind }) => kind)).toEqual(['place']);
  });

  it('has counted such packets before it drops its first frame', async () => {
    ip('tuntap', 'add', 'dev', 'tun3', 'mode', 'tun');
    await using watch = await watchDrops({ scope: 'all' });
    await using _ = await holdPython([
      ...openTun('tun3'),
      'os.sched_setaffinity(0, [0])',
      'for _ in range(5):',
      '  try: os.write(tun, bytes(20))',
      '  except OSError: pass',
      `for _ in range(2): os.write(tun, ${UDP_PACKET})`,
    ]);
    await collectUntilMarker(watch, 2);
    expect(await rowOf(watch, 'tun3', 'rx_dropped')).toMatchObject({
      counted: 5n,
      attributed: 0n,
      unattributed: 5n,
    });
  });

  it('drops what its full ring has no room for, and that moved tx_dropped', async () => {
    await using watch = await watchDrops({ scope: 'all' });
    await using _ = await holdPython([
      ...openTun('tun1', 1),
      'os.sched_setaffinity(0, [0])',
      's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
      's.bind(("tun1", 0))',
      'for _ in range(40):',
      `  try: s.send(${UDP_PACKET})`,
      '  except OSError: pass',
    ]);
    const row = await rowOf(watch, 'tun1', 'tx_dropped');
    expect(row?.counted).toBeGreaterThan(30n);
    expect(row).toMatchObject({ unattributed: 0n, attributed: row?.counted });
  });
});

describe('frames that cannot be segmented', () => {
  it('are counted after they are freed, and no other frame is blamed', async () => {
    execFileSync('ethtool', ['-K', 'b', 'tso', 'off', 'gso', 'on']);
    // Its IPv4 header says that it has 16 bytes only.
    const frame = '00005e00530100005e00530b080044000fa000000000400600007f0000017f000001';
    await using watch = await watchDrops({ scope: 'all' });
    await using _ = await holdPython([
      'import os, socket, struct',
      'os.sched_setaffinity(0, [0])',
      's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
      's.setsockopt(263, 15, 1)',
      's.bind(("b", 0))',
      '# struct virtio_net_hdr: NEEDS_CSUM, GSO_TCPV4',
      'header = struct.pack("<BBHHHH", 1, 1, 54, 1000, 34, 16)',
      `frame = bytes.fromhex("${frame}").ljust(3000, b"\\0")`,
      `for _ in range(${FRAMES}):`,
      '  try: s.send(header + frame)',
      '  except OSError: pass',
    ]);
    using injector = openInjector('a');
    for (let i = 0; i < FRAMES; i++) injector.send(toClosedPort());
    const drops = onLink(await collectUntilMarker(watch, 2 * FRAMES), 'b');
    const datagrams = drops.filter(({ reason }) => reason === 'NO_SOCKET');
    expect(datagrams).toHaveLength(FRAMES);
    expect(drops.filter(({ counter }) => counter?.name === 'tx_dropped')).toEqual([]);
    const row = await rowOf(watch, 'b', 'tx_dropped');
    expect(row).toMatchObject({ counted: BigInt(FRAMES), unattributed: BigInt(FRAMES) });
    expect(row?.causes).toMatchObject([{ kind: 'after', amount: BigInt(FRAMES) }]);
  });
});

describe('a macvlan whose broadcast queue is full', () => {
  it('counts on its lower device, and no datagram is blamed', async () => {
    ip(
      'link',
      'add',
      'link',
      'b',
      'name',
      'm',
      'type',
      'macvlan',
      'mode',
      'private',
      'bcqueuelen',
      '1',
    );
    linkUp('m');
    try {
      await using watch = await watchDrops({ scope: 'all', interface: 'b' });
      using injector = openInjector('a');
      const datagram = { ...toClosedPort(), destination: BROADCAST };
      // The worker that empties the queue runs on this CPU, too, and may do so after each frame.
      let row: LedgerRow | undefined;
      const isAtRest = async () => {
        row = await rowOf(watch, 'b', 'rx_dropped');
        return (row?.inFlight ?? 0n) === 0n;
      };
      for (let burst = 0; burst < 100 && row === undefined; burst++) {
        for (let i = 0; i < 300; i++) injector.send(i % 2 === 0 ? datagram : toClosedPort());
        await waitFor('the frames to be counted', isAtRest);
      }
      await watch.close();
      const drops: DropEvent[] = [];
      for await (const drop of watch) drops.push(drop);
      expect(
        drops.filter(({ counter, reason }) => counter !== undefined && reason === 'NO_SOCKET'),
      ).toEqual([]);
      // What the queue had no room for is counted and not attributed.
      expect(row?.counted).toBeGreaterThan(0n);
      expect(row).toMatchObject({ attributed: 0n, unattributed: row?.counted });
      expect(row?.causes.map(({ kind }) => kind)).toEqual(['after']);
    } finally {
      ip('link', 'delete', 'dev', 'm');
    }
  });
});

it('no expectation of a counter is met by a frame that moved none', async () => {
  const verdict = await expectDrops(
    async () => {
      await using _ = await holdPython([...openTun('tun2'), ...MIXED_PACKETS]);
    },
    { counter: 'rx_dropped', reason: 'NO_SOCKET', count: FRAMES },
  );
  expect(verdict.pass).toBe(false);
});

it('eight veth pairs with IPv6 on account for each drop, in scope all', async () => {
  // Where a test runs, it is off by default.
  for (const where of ['all', 'default']) {
    setNamespaceSysctl(`ipv6/conf/${where}/disable_ipv6`, 0);
  }
  const pairs = Array.from({ length: 8 }, (_, i) => [`p${i}`, `q${i}`] as const);
  for (const [p, q] of pairs) ip('link', 'add', 'dev', p, 'type', 'veth', 'peer', 'name', q);
  try {
    await using watch = await watchDrops({ scope: 'all' });
    for (const name of pairs.flat()) linkUp(name);
    for (const [p] of pairs) await carrier(p);
    for (let i = 0; i < 5; i++) {
      for (const [p] of pairs) await injectFrame(p, unknownFrame({ destination: BROADCAST }));
    }
    await collectUntilMarker(watch, 40);
    const { rows } = await watch.ledger();
    for (const [, q] of pairs) {
      const row = rows.find(
        ({ interface: name, counter }) => name === q && counter === 'rx_dropped',
      );
      expect(row).toMatchObject({ counted: 5n, attributed: 5n, unattributed: 0n });
    }
  } finally {
    for (const [p] of pairs) ip('link', 'delete', 'dev', p);
  }
});

it('no value of a counter is reported twice while both CPUs drop', async () => {
  const COUNT = 20_000;
  await using watch = await watchDrops({
    interface: 'lo',
    ringBytes: 2 ** 25,
    queueLimit: 100_000,
  });
  const senders = [0, 1].map((cpu) => {
    const [command, args] = frameSender({ on: 'lo', count: COUNT, cpu });
    return once(spawn(command, args, { stdio: 'inherit' }), 'exit');
  });
  await Promise.all(senders);
  const drops = await collectUntilMarker(watch, 2 * COUNT);
  const values = new Set(drops.map(({ counter }) => counter?.after));
  expect(values.size).toBe(2 * COUNT);
});
