import { expect, it } from 'vitest';
import type { LinkStats } from '../../lib/index.ts';
import type { LedgerLink } from '../../lib/watch/ledger-links.ts';
import { ledgerRow } from '../../lib/watch/ledger-row.ts';

const STATS = { name: 'tun0', ifindex: 2 } as LinkStats;

function link(rxDropped: bigint): LedgerLink {
  return { netns: 1, registration: '', stats: { ...STATS, rxDropped } };
}

it('begins when the watch was armed, also where the probe met the link later', () => {
  const row = ledgerRow('rx_dropped', {
    first: link(3n),
    armed: link(3n),
    before: link(10n),
    now: link(10n),
    account: { ifindex: 2, netns: 1, start: { rx_dropped: 8n }, told: {}, filtered: {}, lost: {} },
  });
  expect(row).toMatchObject({ counted: 7n, attributed: 0n, unattributed: 7n, inFlight: 0n });
});

it('leaves out what was counted while the probe was armed and before', () => {
  const row = ledgerRow('rx_dropped', {
    first: link(3n),
    armed: link(6n),
    before: link(10n),
    now: link(10n),
    account: {
      ifindex: 2,
      netns: 1,
      start: { rx_dropped: 5n },
      told: { rx_dropped: 5n },
      filtered: {},
      lost: {},
    },
  });
  expect(row).toMatchObject({ counted: 5n, attributed: 5n, unattributed: 0n });
});
