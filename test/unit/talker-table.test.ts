import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TalkerCount, TalkerCounts } from '../../lib/drops/drop-summary.ts';
import { TalkerTable } from '../../lib/drops/talker-table.ts';

const TALKER = {
  interface: 'lo',
  ifindex: 1,
  netns: 1,
  destination: '',
  etherType: 0x4321,
};

/** What a probe tells that has room for so many talkers, of drops by those with these names. */
function counted(drops: readonly string[], room: number): TalkerCounts {
  const all = new Map<string, number>();
  for (const source of drops) all.set(source, (all.get(source) ?? 0) + 1);
  const kept = [...all].slice(0, room);
  const others = [...all].slice(room).map(([, count]) => count);
  return {
    talkers: kept.map(([source, count]): TalkerCount => {
      const identify = () => ({ ...TALKER, source });
      return { key: source, count, missing: 0, first: 0, last: 0, identify };
    }),
    others: others.reduce((sum, count) => sum + count, 0),
    mostMissing: Math.max(0, ...others),
  };
}

it('counts every drop, and says of each talker how many it may have had', () => {
  const name = fc.integer({ min: 0, max: 20 }).map(String);
  const turns = fc.array(fc.array(name, { maxLength: 40 }), { maxLength: 12 });
  fc.assert(
    fc.property(turns, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 10 }), check),
  );
});

function check(turns: readonly (readonly string[])[], room: number, limit: number): void {
  const table = new TalkerTable(limit);
  for (const drops of turns) table.add(counted(drops, room));
  const drops = turns.flat();
  const { talkers, ...all } = table.list();
  const listed = talkers.reduce((sum, { count }) => sum + count, 0);
  expect(all).toEqual({ drops: drops.length, others: drops.length - listed });
  for (const { source, count, missing } of talkers) {
    const real = drops.filter((one) => one === source).length;
    expect(real).toBeGreaterThanOrEqual(count);
    expect(real).toBeLessThanOrEqual(count + missing);
  }
}

it('is exact where there is room for all', () => {
  const table = new TalkerTable();
  table.add(counted(['a', 'b', 'a'], 10));
  table.add(counted(['b', 'b', 'b'], 10));
  const { talkers, others } = table.list();
  expect(talkers.map(({ source, count, missing }) => [source, count, missing])).toEqual([
    ['b', 4, 0],
    ['a', 2, 0],
  ]);
  expect(others).toBe(0);
  expect(table.list(1)).toMatchObject({ drops: 6, talkers: [{ source: 'b' }], others: 2 });
});

it('takes totals of nobody in particular for drops that any talker may have had', () => {
  const table = new TalkerTable();
  const totals = { probe: 'counters', interface: 'lo', ifindex: 1, netns: 1 } as const;
  table.addTotals({ ...totals, count: 5 }, new Date());
  table.addTotals({ ...totals, count: 3, source: 'a', destination: 'b', etherType: 7 }, new Date());
  expect(table.list()).toMatchObject({
    drops: 8,
    others: 5,
    talkers: [{ source: 'a', count: 3, missing: 5 }],
  });
});
