import type { CounterName } from './drop-event.ts';

/** Amounts by link counter. */
export type CounterAmounts = Readonly<Partial<Record<CounterName, bigint>>>;

/** What became of the drops that moved the counters of a link, since a probe was armed. */
export interface DropAccount {
  readonly ifindex: number;
  readonly netns: number;
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
}
