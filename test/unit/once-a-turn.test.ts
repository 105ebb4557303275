import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { OnceATurn } from '../../lib/watch/once-a-turn.ts';

/** Many turns: an act that was to overlap another one would have begun by then. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

it('acts once for all who ask within a turn, and not while they ask', async () => {
  let acts = 0;
  const once = new OnceATurn(() => ++acts);
  const answers = [once.ask(), once.ask()];
  expect(acts).toBe(0);
  expect(await Promise.all(answers)).toEqual([1, 1]);
  expect(await once.ask()).toBe(2);
});

it('acts for all who ask while it acts when that has settled, and once', async () => {
  const acts: PromiseWithResolversOf<string>[] = [];
  const once = new OnceATurn(() => {
    const act = withResolvers<string>();
    acts.push(act);
    return act.promise;
  });
  const first = once.ask();
  await turns();
  expect(acts).toHaveLength(1);
  const second = once.ask();
  await turns();
  const third = once.ask();
  await turns();
  expect(acts).toHaveLength(1);
  acts[0]?.resolve('first');
  expect(await first).toBe('first');
  await turns();
  expect(acts).toHaveLength(2);
  acts[1]?.resolve('second');
  expect(await Promise.all([second, third])).toEqual(['second', 'second']);
});

it('acts on for those who wait when an act fails, also when it throws at once', async () => {
  let acts = 0;
  const once = new OnceATurn(() => {
    acts += 1;
    if (acts === 1) throw new Error('at once');
    return acts === 2 ? Promise.reject(new Error('later')) : acts;
  });
  await expect(once.ask()).rejects.toThrow('at once');
  await expect(once.ask()).rejects.toThrow('later');
  expect(await once.ask()).toBe(3);
});

interface PromiseWithResolversOf<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

/** Promise.withResolvers(), which Node.js 20 does not have. */
function withResolvers<T>(): PromiseWithResolversOf<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
