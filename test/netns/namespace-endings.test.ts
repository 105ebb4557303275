import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import {
  type DropWatch,
  expectDrops,
  expectNoDrops,
  injectFrame,
  type NetworkNamespaceRef,
  openInjector,
  readLinkStats,
  watchDrops,
} from '../../lib/index.ts';
import { WatchedNamespace } from '../../lib/watch/watched-namespace.ts';
import { NamesFolder } from '../support/names.ts';
import {
  ip,
  linkUp,
  moveLink,
  openNamespace,
  type PeerNamespace,
  vethPair,
} from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { countDescriptors } from '../support/resources.ts';
import { waitFor } from '../support/wait-for.ts';

beforeAll(() => linkUp('lo'));

const GONE = { name: 'DropscopeError', code: 'ERR_NETWORK_NAMESPACE_GONE' };

/** Ends the process of a namespace, and waits without a turn of the event loop until it has ended. */
function kill({ pid }: PeerNamespace): void {
  process.kill(pid, 'SIGKILL');
  while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')));
}

/** Drops a frame on the `lo` of another namespace. */
async function dropOneIn(networkNamespace: NetworkNamespaceRef): Promise<void> {
  using injector = openInjector('lo', { networkNamespace });
  injector.send(UNKNOWN);
  const dropped = async () => (await readLinkStats('lo', { networkNamespace })).rxDropped > 0n;
  await waitFor('the kernel to drop it', dropped);
}

/** What a watch ends with where no loop is open. */
function ending(drops: DropWatch): Promise<unknown[]> {
  const told: unknown[] = [];
  drops.on('error', (error) => told.push(error));
  return new Promise((resolve) => drops.on('close', () => resolve(told)));
}

it('ends with the process that it was given, and lets the namespace and its links go', async () => {
  const other = await openNamespace();
  vethPair('outside', 'inside');
  linkUp('outside');
  moveLink('inside', other);
  other.ip('link', 'set', 'dev', 'inside', 'up');
  const drops = await watchDrops({ networkNamespace: other.pid });
  for (let i = 0; i < 3; i++) await injectFrame('outside', UNKNOWN);
  const loop = drops[Symbol.asyncIterator]();
  kill(other);
  for (let i = 0; i < 3; i++) expect((await loop.next()).value?.netns).toBe(other.netns);
  await expect(loop.next()).rejects.toMatchObject({
    ...GONE,
    message:
      `Process ${other.pid} has ended, and the watch of its network namespace has ended with it. ` +
      'Open another watch for what has come in its place.',
  });
  await waitFor('the veth pair to go', () => !ip('link').includes('outside'));
  await drops.close();
});

it("tells one 'error' where no loop is open, and closes all that it had opened", async () => {
  const before = countDescriptors();
  const other = await openNamespace();
  const watches = [
    await watchDrops({ networkNamespace: other.pid }),
    await watchDrops({ networkNamespace: `/proc/${other.pid}/ns/net`, interface: 'lo' }),
  ];
  const ends = watches.map(ending);
  kill(other);
  for (const told of await Promise.all(ends)) expect(told).toMatchObject([GONE]);
  await waitFor('everything to be closed', () => countDescriptors() <= before);
});

it('keeps its ledger until it ends, also when the process has ended', async () => {
  const other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  const drops = await watchDrops({ networkNamespace: other.pid });
  await dropOneIn(other.pid);
  const told = ending(drops);
  kill(other);
  expect((await drops.ledger()).rows).toMatchObject([
    { interface: 'lo', netns: other.netns, counted: 1n, attributed: 1n },
  ]);
  expect(await told).toMatchObject([GONE]);
});

it('rejects when the process ends while the watch is armed', async () => {
  const before = countDescriptors();
  const other = await openNamespace();
  const opening = watchDrops({ networkNamespace: other.pid });
  kill(other);
  await expect(opening).rejects.toMatchObject(GONE);
  await waitFor('everything to be closed', () => countDescriptors() <= before);
});

it('reports the end of the process once, also to a watch that is not armed yet', async () => {
  const other = await openNamespace();
  const namespace = new WatchedNamespace(other.pid);
  const failed = vi.fn();
  namespace.onFailure = failed;
  kill(other);
  await waitFor('the end to be reported', () => failed.mock.calls.length > 0);
  for (let i = 0; i < 20; i++) await nextTurn();
  expect(failed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(GONE));
  expect(() => namespace.check()).toThrow(expect.objectContaining(GONE));
  namespace.close();
});

it('fails a proof whose process ends meanwhile', async () => {
  for (const prove of [expectDrops, expectNoDrops]) {
    const other = await openNamespace();
    other.ip('link', 'set', 'dev', 'lo', 'up');
    const proof = prove(() => kill(other), { networkNamespace: other.pid, interface: 'lo' });
    await expect(proof).rejects.toMatchObject(GONE);
  }
});

it('fails a proof whose name is removed meanwhile', async () => {
  using names = new NamesFolder();
  await using other = await openNamespace();
  const path = names.add('blue', other.pid);
  const proof = expectNoDrops(() => names.remove(path), { networkNamespace: path });
  await expect(proof).rejects.toMatchObject(GONE);
});

it('ends when the name is removed', async () => {
  using names = new NamesFolder();
  await using other = await openNamespace();
  const path = names.add('blue', other.pid);
  const drops = await watchDrops({ networkNamespace: path });
  const told = ending(drops);
  // Other names come and go without consequence.
  names.remove(names.add('green', other.pid));
  names.remove(path);
  expect(await told).toMatchObject([
    { ...GONE, reason: expect.stringContaining(`"${path}" was removed or replaced, and`) },
  ]);
});

it('ends when the name is given to another namespace', async () => {
  using names = new NamesFolder();
  await using other = await openNamespace();
  await using later = await openNamespace();
  for (const each of [other, later]) each.ip('link', 'set', 'dev', 'lo', 'up');
  const path = names.add('blue', other.pid);
  const drops = await watchDrops({ networkNamespace: path });
  const loop = drops[Symbol.asyncIterator]();
  await dropOneIn(other.pid);
  names.remove(path);
  names.add('blue', later.pid);
  expect(await loop.next()).toMatchObject({ value: { netns: other.netns } });
  await expect(loop.next()).rejects.toMatchObject(GONE);
});

it('ends when another namespace is mounted over the name', async () => {
  using names = new NamesFolder();
  await using other = await openNamespace();
  await using later = await openNamespace();
  const path = names.add('blue', other.pid);
  const told = ending(await watchDrops({ networkNamespace: path }));
  execFileSync('mount', ['--bind', `/proc/${later.pid}/ns/net`, path]);
  try {
    expect(await told).toMatchObject([GONE]);
  } finally {
    execFileSync('umount', ['--lazy', path]);
  }
});

it('ends with the process that a symbolic link leads to, and with the symbolic link', async () => {
  using names = new NamesFolder();
  const first = await openNamespace();
  await using second = await openNamespace();
  const link = names.link('second', second.pid);
  const ends = [
    ending(await watchDrops({ networkNamespace: names.link('first', first.pid) })),
    ending(await watchDrops({ networkNamespace: link })),
  ];
  kill(first);
  names.remove(link);
  for (const told of await Promise.all(ends)) expect(told).toMatchObject([GONE]);
});

it('goes on while the name stays', async () => {
  using names = new NamesFolder();
  const other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  const path = names.add('blue', other.pid);
  await using drops = await watchDrops({ networkNamespace: path });
  kill(other);
  await dropOneIn(path);
  const { value } = await drops[Symbol.asyncIterator]().next();
  expect(value?.netns).toBe(other.netns);
});
