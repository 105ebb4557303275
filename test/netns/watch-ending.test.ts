import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import { watchDrops } from '../../lib/index.ts';
import { linkUp } from '../support/namespace.ts';
import { dropUnknown } from '../support/recipe.ts';
import { countBpf } from '../support/resources.ts';
import { take, takeAll } from '../support/take.ts';

beforeAll(() => linkUp('lo'));

it('delivers the drops from before close, then ends every loop and tells close once', async () => {
  const drops = await watchDrops();
  const closed = vi.fn();
  drops.on('close', closed);
  const loop = drops[Symbol.asyncIterator]();
  await dropUnknown(3);
  await drops.close();
  await drops.close();
  expect(await takeAll(loop)).toHaveLength(3);
  expect(closed).toHaveBeenCalledTimes(1);
});

it('may be closed by a listener, which is still told the drops from before', async () => {
  const drops = await watchDrops();
  const heard = vi.fn(() => void drops.close());
  drops.on('drop', heard);
  const closed = once(drops, 'close');
  await dropUnknown(3);
  await closed;
  expect(heard).toHaveBeenCalledTimes(3);
});

it('may be used after close: nothing comes and nothing fails', async () => {
  const drops = await watchDrops();
  await drops.close();
  await dropUnknown();
  expect(await takeAll(drops)).toEqual([]);
  expect(await takeAll(drops.batches())).toEqual([]);
  expect(drops.ref().unref()).toBe(drops);
  expect(drops.probe).toBe('ebpf');
  await drops[Symbol.asyncDispose]();
});

it('leaves nothing open when the signal has aborted', async () => {
  const before = countBpf();
  const reason = new Error('changed my mind');
  await expect(watchDrops({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(countBpf()).toBe(before);
});

it('leaves nothing open when the signal aborts while it is armed', async () => {
  const before = countBpf();
  const reason = new Error('changed my mind');
  const controller = new AbortController();
  const opening = watchDrops({ signal: controller.signal });
  controller.abort(reason);
  await expect(opening).rejects.toBe(reason);
  expect(countBpf()).toBe(before);
});

it('throws the reason out of every loop when the signal aborts, and closes', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const drops = await watchDrops({ signal: controller.signal });
  const failed = vi.fn();
  drops.on('error', failed);
  const closed = once(drops, 'close');
  const loop = drops[Symbol.asyncIterator]();
  await dropUnknown(2);
  await take(loop, 1);
  const waiting = drops.batches().next();
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(loop.next()).rejects.toBe(reason);
  expect(await loop.next()).toEqual({ value: undefined, done: true });
  await closed;
  await expect(drops[Symbol.asyncIterator]().next()).rejects.toBe(reason);
  expect(failed).not.toHaveBeenCalled();
});

it('only leaves the loop at break: the watch stays open', async () => {
  await using drops = await watchDrops();
  await dropUnknown();
  for await (const drop of drops) {
    expect(drop.etherType).toBe(0x4321);
    break;
  }
  await dropUnknown();
  expect(await take(drops[Symbol.asyncIterator](), 1)).toHaveLength(1);
});

it('makes what a listener throws an uncaught exception, and goes on with the next drop', async () => {
  await using drops = await watchDrops();
  using uncaught = catchUncaught();
  const error = new Error('a fault of the listener');
  const told: bigint[] = [];
  drops.on('drop', ({ counter }) => {
    told.push(counter?.after ?? 0n);
    if (told.length === 1) throw error;
  });
  await dropUnknown(3);
  await drops.close();
  await nextTurn();
  expect(told).toHaveLength(3);
  expect(uncaught.errors).toEqual([error]);
});

it('ends a loop that has several calls of next() under way', async () => {
  const drops = await watchDrops();
  const loop = drops[Symbol.asyncIterator]();
  const calls = [loop.next(), loop.next(), loop.next()];
  await dropUnknown(2);
  await drops.close();
  const results = await Promise.all(calls);
  expect(results.map(({ done }) => done)).toEqual([false, false, true]);
});

/** Takes the place of the listeners that would report an uncaught exception as a failed test. */
function catchUncaught(): Disposable & { readonly errors: unknown[] } {
  const listeners = process.listeners('uncaughtException');
  const errors: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  return {
    errors,
    [Symbol.dispose]() {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    },
  };
}
