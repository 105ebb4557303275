import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { injectFrame, openInjector, readLinkStats } from '../../lib/index.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp, moveLink, openNamespace, vethPair } from '../support/namespace.ts';
import { waitFor } from '../support/wait-for.ts';

const FRAME = { destination: '02:00:00:00:00:0b', etherType: 0x4321 };
const TOO_LONG = { ...FRAME, payload: new Uint8Array(1400) };

beforeEach(async () => {
  vethPair('veth-a', 'veth-b');
  ip('link', 'set', 'dev', 'veth-b', 'mtu', '1000');
  await bothUp('veth-a', 'veth-b');
});

afterEach(async () => {
  // A pair goes with either end of it.
  for (const { name } of await readLinkStats())
    if (name !== 'lo' && (await isHere(name))) deleteLink(name);
});

function deleteLink(name: string): void {
  ip('link', 'del', 'dev', name);
}

/** Sets the ends of a pair up, until both send. */
async function bothUp(...names: string[]): Promise<void> {
  for (const name of names) linkUp(name);
  for (const name of names) await carrier(name);
}

/** Linux before 6.2 renames only what is down. */
async function rename(from: string, to: string): Promise<void> {
  ip('link', 'set', 'dev', from, 'down');
  ip('link', 'set', 'dev', from, 'name', to);
  linkUp(to);
  await carrier(to);
}

async function isHere(name: string): Promise<boolean> {
  return (await readLinkStats()).some((link) => link.name === name);
}

/** How many frames `veth-b` received, and how many were dropped on the way to it. */
async function counted(): Promise<object> {
  const [a, b] = [await readLinkStats('veth-a'), await readLinkStats('veth-b')];
  return { received: b.rxPackets, txDropped: a.txDropped };
}

it('says that an interface is down, and sends on the same socket once it is up', async () => {
  using injector = openInjector('veth-a');
  ip('link', 'set', 'dev', 'veth-a', 'down');
  const down = {
    name: 'SystemCallError',
    code: 'ERR_SYSTEM_CALL',
    errnoName: 'ENETDOWN',
    message: 'Interface "veth-a" is down. Bring it up: ip link set veth-a up',
  };
  expect(() => injector.send(FRAME)).toThrow(expect.objectContaining(down));
  await expect(injectFrame('veth-a', FRAME)).rejects.toMatchObject(down);
  await expect(injector.sendAll([FRAME, FRAME])).rejects.toMatchObject({ ...down, sent: 0 });
  expect(await counted()).toMatchObject({ received: 0n });

  await bothUp('veth-a', 'veth-b');
  injector.send(FRAME);
  await injectFrame('veth-a', FRAME);
  expect(await injector.sendAll([FRAME, FRAME])).toBe(2);
  expect(await counted()).toMatchObject({ received: 4n });
});

it('reports a frame that the peer refuses once, and tries it once', async () => {
  using injector = openInjector('veth-a');
  const refused = {
    name: 'SystemCallError',
    errnoName: 'ENOBUFS',
    message:
      'The kernel dropped the frame on its way out of interface "veth-a": a queue is full, a tc filter ' +
      'refused it, or the peer did (ENOBUFS). It was not sent again, for each attempt moves the ' +
      'counters. See: tc -s qdisc show dev veth-a',
  };
  expect(() => injector.send(TOO_LONG)).toThrow(expect.objectContaining(refused));
  expect(await counted()).toEqual({ received: 0n, txDropped: 1n });
  await expect(injectFrame('veth-a', TOO_LONG)).rejects.toMatchObject(refused);
  expect(await counted()).toEqual({ received: 0n, txDropped: 2n });
  await expect(injector.sendAll([TOO_LONG, FRAME])).rejects.toMatchObject({ ...refused, sent: 0 });
  expect(await counted()).toEqual({ received: 0n, txDropped: 3n });
});

it.each([1, 255, 256, 257, 600])(
  'stops at a refused frame after %i, and says so',
  async (taken) => {
    using injector = openInjector('veth-a');
    const frames = [...Array(taken).fill(FRAME), TOO_LONG, ...Array(300).fill(FRAME)];
    await expect(injector.sendAll(frames)).rejects.toMatchObject({
      errnoName: 'ENOBUFS',
      sent: taken,
    });
    // sendmmsg(2) that stops midway does not say why: the frame is tried once more to know.
    const txDropped = taken % 256 === 0 ? 1n : 2n;
    expect(await counted()).toEqual({ received: BigInt(taken), txDropped });
  },
);

it('sends what comes before a frame that cannot be encoded, and nothing after it', async () => {
  using injector = openInjector('veth-a');
  const bad = { ...FRAME, etherType: 5 };
  const frames = [...Array(300).fill(FRAME), bad, FRAME];
  await expect(injector.sendAll(frames)).rejects.toMatchObject({
    argument: 'frame.etherType',
    sent: 300,
  });
  expect(await counted()).toMatchObject({ received: 300n });
});

it('sends what an iterator gave before it threw, and closes one that it leaves', async () => {
  using injector = openInjector('veth-a');
  const mistake = new Error('mine');
  let closed = 0;
  function* frames(last: () => object) {
    try {
      yield* Array(300).fill(FRAME);
      yield last();
      yield* Array(300).fill(FRAME);
    } finally {
      closed += 1;
    }
  }
  const throwing = frames(() => {
    throw mistake;
  });
  await expect(injector.sendAll(throwing)).rejects.toBe(mistake);
  expect(await counted()).toMatchObject({ received: 300n });
  await expect(injector.sendAll(frames(() => TOO_LONG))).rejects.toMatchObject({ sent: 300 });
  expect(await counted()).toMatchObject({ received: 600n });
  expect(closed).toBe(2);
});

it('leaves an error that an iterator throws as it is, also one of another sendAll', async () => {
  using injector = openInjector('veth-a');
  const theirs = await injector.sendAll([FRAME, TOO_LONG]).catch((error: unknown) => error);
  function* frames() {
    yield* [FRAME, FRAME, FRAME];
    throw theirs;
  }
  await expect(injector.sendAll(frames())).rejects.toBe(theirs);
  expect(theirs).toMatchObject({ sent: 1 });
});

it('goes on with the next call after one that failed', async () => {
  using injector = openInjector('veth-a');
  const [first, second] = await Promise.allSettled([
    injector.sendAll([TOO_LONG]),
    injector.sendAll([FRAME, FRAME]),
  ]);
  expect(first).toMatchObject({ status: 'rejected', reason: { sent: 0 } });
  expect(second).toEqual({ status: 'fulfilled', value: 2 });
});

it('says that a deleted interface is gone, for good, even when its name comes back', async () => {
  using injector = openInjector('veth-a');
  const gone = {
    name: 'SystemCallError',
    code: 'ERR_INTERFACE_GONE',
    message: 'Interface "veth-a" is gone. Open an injector on one that exists: ip link show',
  };
  const refuses = async () => {
    expect(() => injector.send(new Uint8Array(60))).toThrow(expect.objectContaining(gone));
    expect(() => injector.send(FRAME)).toThrow(expect.objectContaining(gone));
    await expect(injector.sendAll([FRAME])).rejects.toMatchObject({ ...gone, sent: 0 });
  };
  deleteLink('veth-a');
  await refuses();
  await expect(injectFrame('veth-a', FRAME)).rejects.toMatchObject({ code: 'ERR_NO_INTERFACE' });
  vethPair('veth-a', 'veth-b');
  await bothUp('veth-a', 'veth-b');
  await refuses();
  await injectFrame('veth-a', FRAME);
  expect(await counted()).toMatchObject({ received: 1n });
});

it('says that an interface is gone that moved to another namespace or went with one', async () => {
  await using peer = await openNamespace();
  vethPair('veth-c', 'veth-d');
  linkUp('veth-c');
  using moved = openInjector('veth-b');
  using orphan = openInjector('veth-c');
  moveLink('veth-b', peer);
  moveLink('veth-d', peer);
  expect(() => moved.send(FRAME)).toThrow('Interface "veth-b" is gone.');
  await peer[Symbol.asyncDispose]();
  await waitFor('the end of the pair', async () => !(await isHere('veth-c')));
  expect(() => orphan.send(FRAME)).toThrow('Interface "veth-c" is gone.');
});

it('follows an interface through a rename, and calls it by its new name', async () => {
  using injector = openInjector('veth-a');
  await rename('veth-a', 'veth-new');
  injector.send(FRAME);
  expect(await injector.sendAll([FRAME])).toBe(1);
  expect((await readLinkStats('veth-b')).rxPackets).toBe(2n);
  ip('link', 'set', 'dev', 'veth-new', 'down');
  expect(() => injector.send(FRAME)).toThrow('Interface "veth-new" is down.');
});

it.each([1, 3])('lets injectFrame find the interface anew after %i frames', async (count) => {
  for (let i = 0; i < count; i += 1) await injectFrame('veth-a', FRAME);
  await rename('veth-a', 'veth-old');
  await expect(injectFrame('veth-a', FRAME)).rejects.toThrow('There is no interface "veth-a".');
  await expect(injectFrame('veth-a', FRAME)).rejects.toThrow('There is no interface "veth-a".');
  vethPair('veth-a', 'veth-c');
  await bothUp('veth-a', 'veth-c');
  await injectFrame('veth-a', FRAME);
  expect((await readLinkStats('veth-b')).rxPackets).toBe(BigInt(count));
  expect((await readLinkStats('veth-c')).rxPackets).toBe(1n);
});

it('lets injectFrame find the interface that has the name while two exchange theirs', async () => {
  vethPair('veth-c', 'veth-d');
  await bothUp('veth-c', 'veth-d');
  for (let i = 0; i < 10; i += 1) {
    await injectFrame('veth-a', FRAME);
    await rename('veth-a', 'veth-old');
    await rename('veth-c', 'veth-a');
    await rename('veth-old', 'veth-c');
  }
  expect((await readLinkStats('veth-b')).rxPackets).toBe(5n);
  expect((await readLinkStats('veth-d')).rxPackets).toBe(5n);
});

describe.each(['veth-c', 500])('injectFrame to %s', (target) => {
  beforeEach(make);

  async function make(): Promise<void> {
    ip('link', 'add', 'dev', 'veth-c', 'index', '500', 'type', 'veth', 'peer', 'name', 'veth-d');
    await bothUp('veth-c', 'veth-d');
    for (let i = 0; i < 3; i += 1) await injectFrame(target, FRAME);
  }

  it('finds it again when it was made anew', async () => {
    deleteLink('veth-c');
    await expect(injectFrame(target, FRAME)).rejects.toMatchObject({ code: 'ERR_NO_INTERFACE' });
    await make();
    expect((await readLinkStats('veth-d')).rxPackets).toBe(3n);
  });

  it('does not follow it into another namespace', async () => {
    await using peer = await openNamespace();
    moveLink('veth-c', peer);
    await expect(injectFrame(target, FRAME)).rejects.toMatchObject({ code: 'ERR_NO_INTERFACE' });
  });
});

it('lets injectFrame find the interface that has an alternative name now', async () => {
  vethPair('veth-c', 'veth-d');
  await bothUp('veth-c', 'veth-d');
  ip('link', 'property', 'add', 'dev', 'veth-a', 'altname', 'uplink');
  for (let i = 0; i < 3; i += 1) await injectFrame('uplink', FRAME);
  ip('link', 'property', 'del', 'dev', 'veth-a', 'altname', 'uplink');
  ip('link', 'property', 'add', 'dev', 'veth-c', 'altname', 'uplink');
  await injectFrame('uplink', FRAME);
  expect((await readLinkStats('veth-b')).rxPackets).toBe(3n);
  expect((await readLinkStats('veth-d')).rxPackets).toBe(1n);
});

it('lets injectFrame find the interface after more changes than the kernel keeps', async () => {
  for (let i = 0; i < 3; i += 1) await injectFrame('veth-a', FRAME);
  // Each is a notification of some 1.5 kB; net.core.rmem_default is 208 kB.
  const changes = Array.from({ length: 1000 }, (_, i) => `link set dev lo mtu ${60_000 + i}\n`);
  execFileSync('ip', ['-batch', '-'], { input: changes.join('') });
  await rename('veth-a', 'veth-old');
  await expect(injectFrame('veth-a', FRAME)).rejects.toThrow('There is no interface "veth-a".');
});

it('lets injectFrame find another interface that got the index of one that is gone', async () => {
  for (const name of ['veth-c', 'veth-e']) {
    ip('link', 'add', 'dev', name, 'index', '500', 'type', 'veth', 'peer', 'name', 'veth-d');
    await bothUp(name, 'veth-d');
    await injectFrame(name, FRAME);
    expect(await readLinkStats(name)).toMatchObject({ ifindex: 500, txPackets: 1n });
    deleteLink(name);
  }
});
