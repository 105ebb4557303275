import { expect, it } from 'vitest';
import { readLinkRecords } from '../../lib/link/link-record.ts';
import { type LedgerLink, sameLink } from '../../lib/watch/ledger-links.ts';

const [stats] = readLinkRecords(1);
if (stats === undefined) throw new Error('There is no lo.');

const EARLIER: LedgerLink = {
  netns: 4026532000,
  stats: { ...stats, name: 'a', rxPackets: 5n, rxDropped: 5n },
  registration: '77 0',
  gaps: 0,
};

function later(change: Partial<LedgerLink>, counters: Partial<LedgerLink['stats']> = {}) {
  return { ...EARLIER, ...change, stats: { ...EARLIER.stats, ...counters } };
}

it('knows a link again, whatever it has counted and however it is named now', () => {
  expect(sameLink(EARLIER, later({}, { name: 'b', rxPackets: 7n }))).toBe(EARLIER);
  expect(sameLink(undefined, EARLIER)).toBe(undefined);
});

it('takes a link for another one where one with the number has gone', () => {
  expect(sameLink(EARLIER, later({ registration: '77 1' }))).toBe(undefined);
});

it('takes a link for another one where another network namespace has the number', () => {
  expect(sameLink(EARLIER, later({ registration: '78 0' }))).toBe(undefined);
});

it('needs the name and the counters to know a link again where one may have gone unreported', () => {
  expect(sameLink(EARLIER, later({ gaps: 1 }, { rxPackets: 7n, rxDropped: 5n }))).toBe(EARLIER);
  expect(sameLink(EARLIER, later({ gaps: 1 }, { name: 'b', rxPackets: 7n }))).toBe(undefined);
  expect(sameLink(EARLIER, later({ gaps: 1 }, { rxPackets: 4n }))).toBe(undefined);
  expect(sameLink(EARLIER, later({ gaps: 1, registration: '77 1' }))).toBe(undefined);
});
