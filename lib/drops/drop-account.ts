import type { CounterName } from './drop-event.ts';

/** Amounts by link counter. */
export type CounterAmounts = Readonly<Partial<Record<CounterName, bigint>>>;

/** What became of the drops that moved the counters of a link, since a probe was armed. */
export interface DropAccount {
  readonly ifindex: number;
  readonly netns: number;
  /** Whether the link was made after the probe was armed; absent where the probe does not know. */
  readonly isNew?: boolean;
  /** What the counters were then; absent where the probe does not read them. */
  readonly start?: CounterAmounts;
  /** Drops that were told. */
  readonly told: CounterAmounts;
  /** Drops that were seen and not asked for. */
  readonly filtered: CounterAmounts;
  /** Drops that were seen and could not be told. */
  readonly lost: CounterAmounts;
  /** By how much the driver itself raised them; absent where the probe does not know. */
  readonly driver?: CounterAmounts;
  /** Frames that the kernel freed before it counted them: no drop can be tied to the increment. */
  readonly freedFirst?: CounterAmounts;
  /**
   * Frames that the other end of a veth pair refused; that end's drops have them. The driver has counted
   * each as tx_dropped of this link, too.
   */
  readonly refusedByPeer?: bigint;
}
