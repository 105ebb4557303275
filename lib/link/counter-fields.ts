import type { LinkStats } from './link-stats.ts';

/** A counter of what became of frames, in the kernel's spelling. */
export type FrameCounter =
  | 'rx_dropped'
  | 'tx_dropped'
  | 'rx_nohandler'
  | 'rx_otherhost_dropped'
  | 'rx_missed_errors'
  | 'rx_errors'
  | 'tx_errors';

const FIELDS: Readonly<Record<FrameCounter, Exclude<keyof LinkStats, 'name' | 'ifindex'>>> = {
  rx_dropped: 'rxDropped',
  tx_dropped: 'txDropped',
  rx_nohandler: 'rxNohandler',
  rx_otherhost_dropped: 'rxOtherhostDropped',
  rx_missed_errors: 'rxMissedErrors',
  rx_errors: 'rxErrors',
  tx_errors: 'txErrors',
};

/** The value of such a counter; 0 where this kernel does not have it. */
export function counterValue(stats: LinkStats, counter: FrameCounter): bigint {
  return stats[FIELDS[counter]] ?? 0n;
}
