import type { ProbeName } from '../drops/drop-event.ts';
import type { FrameCounter } from '../link/counter-fields.ts';
import type { SoftnetStats } from '../link/softnet.ts';
import type { Tap } from '../link/taps.ts';

/** The counters that a ledger has. Drops can be tied to the first four of them. */
export const LEDGER_COUNTERS: readonly LedgerCounter[] = [
  'rx_dropped',
  'tx_dropped',
  'rx_nohandler',
  'rx_otherhost_dropped',
  'rx_missed_errors',
  'rx_errors',
  'tx_errors',
];

export type LedgerCounter = FrameCounter;

/** Why a part of what a counter counted may not be attributed. */
export interface LedgerCause {
  /**
   * 'driver': the driver counts it, and the kernel drops no frame. 'peer': the other end of a veth pair
   * refused the frames, and its drops have them. 'after': the kernel counted after it had freed the
   * frames. 'place': no dropped frame shows the increment, or the probe does not look where it is made.
   * 'probe': the probe ties no drops to counters. 'filter': the probe does not count what filters held
   * back. 'lost': drops were lost of which it is not known where they were counted. 'late': the link came
   * when the watch was armed already, and may have brought it along.
   */
  readonly kind: 'driver' | 'peer' | 'after' | 'place' | 'probe' | 'filter' | 'lost' | 'late';
  /** How much of it, where that is known. */
  readonly amount?: bigint;
  /** The same in a sentence. */
  readonly text: string;
}

/**
 * What a counter of a link counted since the watch was armed, and what is known of it:
 * counted = attributed + filtered + lost + inFlight + unattributed. None is negative.
 */
export interface LedgerRow {
  readonly interface: string;
  readonly ifindex: number;
  readonly netns: number;
  readonly counter: LedgerCounter;
  /** By how much it rose: rtnetlink. */
  readonly counted: bigint;
  /** Drops that the probe handed to the watch, one by one or in sums: also what a slow reader lost. */
  readonly attributed: bigint;
  /** Drops that the probe saw and that the filters held back. */
  readonly filtered: bigint;
  /** Drops that the probe saw and could not tell. */
  readonly lost: bigint;
  /** What came while the ledger was made up; 0 at rest. */
  readonly inFlight: bigint;
  /** The rest. */
  readonly unattributed: bigint;
  /** What is known to be possible, where something is unattributed. */
  readonly causes: readonly LedgerCause[];
}

/** What a ledger could not read. */
export interface LedgerUnknown {
  /**
   * 'links': the links of a network namespace, so rows are missing. 'taps': what hides drops there. 'softnet':
   * the host's counts of receiving.
   */
  readonly what: 'links' | 'taps' | 'softnet';
  /** Which network namespace, by its inode number; absent where that is not known, and for 'softnet'. */
  readonly netns?: number;
  /** Why it could not be read, in a sentence. */
  readonly reason: string;
}

/** What the counters say, held against what was seen. */
export interface Ledger {
  readonly probe: ProbeName;
  /** When the watch was armed. */
  readonly since: Date;
  /** When the counters were read. */
  readonly until: Date;
  /** One for each counter that moved. Links that are gone took theirs along. */
  readonly rows: readonly LedgerRow[];
  /** What hides drops now on the watched links: the counters do not see those frames either. */
  readonly taps: readonly Tap[];
  /**
   * By how much the host's counts of receiving rose, for all network namespaces; absent where they could not be
   * read.
   */
  readonly softnet?: SoftnetStats;
  /** What could not be read; empty where nothing is missing. */
  readonly unknown: readonly LedgerUnknown[];
}
