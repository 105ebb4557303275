import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DropEvent } from '../../lib/index.ts';
import { DropLoop } from '../../lib/watch/drop-loop.ts';
import { DropQueue } from '../../lib/watch/drop-queue.ts';
import { batchOf } from '../support/batch-of.ts';
import { takeAll } from '../support/take.ts';

it('gives drops in their order, one by one or in batches, and says how many it refused', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 6 }) }),
    fc.constant('event' as const),
    fc.constant('batch' as const),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(step), (limit, steps) => {
      const queue = new DropQueue(limit);
      const waiting: number[] = [];
      let next = 0;
      for (const step of steps) {
        if (step === 'event') {
          expect(queue.takeEvent()?.ifindex).toBe(waiting.shift());
        } else if (step === 'batch') {
          const batch = queue.takeBatch();
          const taken = batch === undefined ? [] : [...batch].map(({ ifindex }) => ifindex);
          expect(taken).toEqual(waiting.splice(0, taken.length));
          expect(batch === undefined).toBe(taken.length === 0);
        } else {
          const numbers = Array.from({ length: step.push }, () => next++);
          const refused = queue.push(batchOf(numbers));
          expect(refused).toBe(Math.max(0, waiting.length + step.push - limit));
          waiting.push(...numbers.slice(0, step.push - refused));
        }
      }
    }),
  );
});

it('answers calls of next() in their order', async () => {
  const loop = loopOf(10);
  const calls = [loop.next(), loop.next()];
  loop.push(batchOf([1]));
  loop.push(batchOf([2, 3]));
  const values = (await Promise.all(calls)).map(({ value }) => value?.ifindex);
  expect(values).toEqual([1, 2]);
  loop.end();
  expect((await takeAll(loop)).map(({ ifindex }) => ifindex)).toEqual([3]);
});

it('throws a failure once, behind what waits, and then is done', async () => {
  const loop = loopOf(10);
  const error = new Error('gone');
  loop.push(batchOf([1]));
  loop.end({ error });
  expect(await loop.next()).toMatchObject({ done: false });
  await expect(loop.next()).rejects.toBe(error);
  expect(await loop.next()).toEqual({ value: undefined, done: true });
});

it('is done once it was left, also when it was to throw a failure', async () => {
  const loop = loopOf(10);
  loop.push(batchOf([1]));
  loop.end({ error: new Error('gone') });
  expect(await loop.return()).toEqual({ value: undefined, done: true });
  expect(await loop.next()).toEqual({ value: undefined, done: true });
});

function loopOf(limit: number): DropLoop<DropEvent> {
  return new DropLoop(
    new DropQueue(limit),
    (queue) => queue.takeEvent(),
    () => {},
  );
}
