import { expect, it } from 'vitest';
import { Losses } from '../../lib/cli/losses.ts';
import { TalkerRates, topText } from '../../lib/cli/top-table.ts';
import type { DropSummary, Talker } from '../../lib/index.ts';

const TALKER: Talker = {
  interface: 'eth0',
  ifindex: 2,
  netns: 1,
  source: '02:00:00:00:00:05',
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
  counter: 'rx_dropped',
  reason: 'UNHANDLED_PROTO',
  location: '__netif_receive_skb_core',
  count: 1000,
  missing: 0,
  first: new Date(0),
  last: new Date(0),
};

function summary(untilMs: number, count: number): DropSummary {
  return {
    probe: 'ebpf',
    since: new Date(0),
    until: new Date(untilMs),
    drops: count,
    talkers: [{ ...TALKER, count }],
    others: 0,
  };
}

it.each([
  [80, 'drops/s drops interface source counter why', 'UNHANDLED_PROTO'],
  [100, 'drops/s drops interface source ethertype counter why', 'UNHANDLED_PROTO'],
  [
    120,
    'drops/s drops interface source ethertype counter why',
    'UNHANDLED_PROTO at __netif_receive_skb_core',
  ],
  [
    200,
    'drops/s drops interface source destination ethertype counter why',
    'UNHANDLED_PROTO at __netif_receive_skb_core',
  ],
])('shows what fits in %i columns, and the counter and the reason always', (width, head, why) => {
  const talkers = new TalkerRates(1000).of(summary(1000, 1000));
  const lines = topText(summary(1000, 1000), talkers, new Losses(), width).split('\n');
  expect(lines[1]?.trim().split(/ +/).join(' ')).toBe(head);
  expect(lines[2]).toContain('rx_dropped');
  expect(lines[2]?.endsWith(`  ${why}`)).toBe(true);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
});

it('takes the rate over the time since the summary before', () => {
  const rates = new TalkerRates(1000);
  const rateOf = (untilMs: number, count: number) => rates.of(summary(untilMs, count))[0]?.rate;
  expect(rateOf(1000, 100)).toBe(100);
  expect(rateOf(2000, 300)).toBe(200);
  // The last one may come a moment later: a drop within a millisecond is no 1000 a second.
  expect(rateOf(2001, 301)).toBeCloseTo(201 / 1.001);
});

it('takes the rate over all of the time where there is no summary before', () => {
  expect(new TalkerRates(1000).of(summary(250, 50))[0]?.rate).toBe(200);
});

it('says how many drops are by talkers that it does not list', () => {
  const { talkers, ...rest } = summary(1000, 40);
  const text = topText(
    { ...rest, talkers, drops: 45 },
    new TalkerRates(1000).of({ ...rest, talkers }),
    new Losses(),
  );
  expect(text.split('\n').at(-2)).toBe('5 more drops by talkers that are not listed (--rows)');
});
