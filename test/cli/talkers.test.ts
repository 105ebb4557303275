import { expect, it } from 'vitest';
import { Talkers } from '../../lib/cli/talkers.ts';
import type { DropEvent } from '../../lib/index.ts';

function dropFrom(source: string): DropEvent {
  return {
    probe: 'ebpf',
    time: new Date(0),
    timestampNs: 0n,
    interface: 'lo',
    ifindex: 1,
    netns: 1,
    source,
    destination: '00:00:00:00:00:00',
    etherType: 0x4321,
    length: 60,
    header: new Uint8Array(0),
  };
}

it('tells the loudest first, and how many drops the others had', () => {
  const talkers = new Talkers();
  for (const source of ['a', 'b', 'c', 'b', 'c', 'c']) talkers.add(dropFrom(source));
  const { talkers: loudest, others } = talkers.loudest(2);
  expect(loudest.map(({ source, count }) => [source, count])).toEqual([
    ['c', 3],
    ['b', 2],
  ]);
  expect(others).toBe(1);
  expect(talkers.exact).toBe(true);
});

it('keeps the loud ones and every drop in the sum when there are too many talkers', () => {
  const talkers = new Talkers(4);
  for (let i = 0; i < 100; i++) {
    talkers.add(dropFrom('loud'));
    talkers.add(dropFrom(`once ${i}`));
  }
  const { talkers: loudest, others } = talkers.loudest(1);
  expect(loudest).toEqual([expect.objectContaining({ source: 'loud', count: 100 })]);
  expect(others).toBe(100);
  expect(talkers.loudest(100).talkers.length).toBeLessThanOrEqual(4);
  expect(talkers.exact).toBe(false);
});
