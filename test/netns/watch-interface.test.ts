import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { injectFrame, openInjector, watchDrops } from '../../lib/index.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp, moveLink, openNamespace, vethPair } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { countBpf } from '../support/resources.ts';
import { take } from '../support/take.ts';

beforeEach(makePair);

afterEach(() => {
  for (const name of ['left', 'renamed']) {
    try {
      ip('link', 'delete', 'dev', name);
    } catch {
      // The test has deleted or moved it.
    }
  }
});

const GONE = { code: 'ERR_INTERFACE_GONE' };

it('tells the drops so far, then one error, when the interface is deleted', async () => {
  await using drops = await watchDrops({ interface: 'right' });
  const loop = drops[Symbol.asyncIterator]();
  const closed = once(drops, 'close');
  for (let i = 0; i < 2; i++) await injectFrame('left', UNKNOWN);
  ip('link', 'delete', 'dev', 'left');
  expect(await take(loop, 2)).toHaveLength(2);
  await expect(loop.next()).rejects.toMatchObject({
    ...GONE,
    message: expect.stringContaining('Interface "right" is gone from this network namespace'),
  });
  expect(await loop.next()).toEqual({ value: undefined, done: true });
  await closed;
});

it("tells 'error' once and then 'close' where no loop is open", async () => {
  await using drops = await watchDrops({ interface: 'right' });
  const told: string[] = [];
  drops.on('error', (error) => told.push('code' in error ? String(error.code) : error.message));
  const closed = new Promise<void>((resolve) => drops.on('close', resolve));
  drops.on('close', () => told.push('close'));
  ip('link', 'delete', 'dev', 'left');
  await closed;
  expect(told).toEqual(['ERR_INTERFACE_GONE', 'close']);
});

it('ends when one of several interfaces goes', async () => {
  await using drops = await watchDrops({ interface: ['lo', 'right'] });
  const waiting = drops[Symbol.asyncIterator]().next();
  ip('link', 'delete', 'dev', 'left');
  await expect(waiting).rejects.toMatchObject(GONE);
});

it('rejects and leaves nothing open when the interface is deleted while it is armed', async () => {
  const before = countBpf();
  const opening = watchDrops({ interface: 'right' });
  ip('link', 'delete', 'dev', 'left');
  await expect(opening).rejects.toMatchObject(GONE);
  expect(countBpf()).toBe(before);
});

it('ends with the error when the interface moves to another namespace', async () => {
  await using peer = await openNamespace();
  await using drops = await watchDrops({ interface: 'right' });
  const waiting = drops[Symbol.asyncIterator]().next();
  moveLink('right', peer);
  await expect(waiting).rejects.toMatchObject(GONE);
});

it('does not follow the name to a new interface', async () => {
  await using drops = await watchDrops({ interface: 'right' });
  using injector = openInjector('left');
  const waiting = drops[Symbol.asyncIterator]().next();
  ip('link', 'delete', 'dev', 'left');
  await makePair();
  await expect(waiting).rejects.toMatchObject(GONE);
  expect(() => injector.send(UNKNOWN)).toThrow(expect.objectContaining(GONE));
});

it('follows the interface through a rename', async () => {
  await using drops = await watchDrops({ interface: 'right' });
  const loop = drops[Symbol.asyncIterator]();
  ip('link', 'set', 'dev', 'right', 'name', 'renamed');
  await injectFrame('left', UNKNOWN);
  const [drop] = await take(loop, 1);
  expect(drop?.interface).toBe('renamed');
});

it('waits while the interface is down', async () => {
  await using drops = await watchDrops({ interface: 'right' });
  const loop = drops[Symbol.asyncIterator]();
  ip('link', 'set', 'dev', 'right', 'down');
  await carrier('left', 'LOWERLAYERDOWN');
  linkUp('right');
  await carrier('left');
  await injectFrame('left', UNKNOWN);
  expect(await take(loop, 1)).toHaveLength(1);
});

it('sees interfaces that come later, when it watches all of them', async () => {
  await using drops = await watchDrops();
  const loop = drops[Symbol.asyncIterator]();
  ip('link', 'delete', 'dev', 'left');
  await makePair();
  for (let i = 0; i < 2; i++) await injectFrame('left', UNKNOWN);
  const [first, second] = await take(loop, 2);
  expect(first?.counter).toEqual({ name: 'rx_dropped', before: 0n, after: 1n });
  expect(second?.counter).toEqual({ name: 'rx_dropped', before: 1n, after: 2n });
});

it('refuses what is no interface, names it and lists those that are', async () => {
  await expect(watchDrops({ interface: 'eth7' })).rejects.toMatchObject({
    code: 'ERR_NO_INTERFACE',
    argument: 'options.interface',
    message: expect.stringMatching(/^There is no interface "eth7"\. Interfaces here: .*left.*\.$/),
  });
  for (const name of ['', 'sixteen-letters-', 'a/b', 'a\0b', 'a\nb', 0, -1, 2 ** 31, Number.NaN]) {
    await expect(watchDrops({ interface: name })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'options.interface',
    });
  }
});

/** Two veth devices, each the other's peer, that pass frames. */
async function makePair(): Promise<void> {
  vethPair('left', 'right');
  linkUp('left');
  linkUp('right');
  await carrier('left');
}
