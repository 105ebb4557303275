import type { VlanTag } from '../ethernet/vlan.ts';
import type { CounterName, ProbeName } from './drop-event.ts';

/** Drops that have all of this in common, and how many they were. The fields are as in DropEvent. */
export interface Talker {
  /** Name of the interface at the first of them. */
  readonly interface: string;
  readonly ifindex: number;
  readonly netns: number;
  readonly source: string;
  readonly destination: string;
  readonly etherType: number;
  readonly vlan?: VlanTag;
  /** The link counter that they moved. */
  readonly counter?: CounterName;
  readonly reason?: string;
  readonly location?: string;
  /** How many were counted. */
  readonly count: number;
  /** There may have been so many more, which are among the `others`. 0: `count` is exact. */
  readonly missing: number;
  /** When the first of those counted was dropped, and when the last. */
  readonly first: Date;
  readonly last: Date;
}

/** Drops counted by talker, since the watch was armed. */
export interface DropSummary {
  /** The probe that saw them. */
  readonly probe: ProbeName;
  /** When the watch was armed. */
  readonly since: Date;
  /** Until when they were counted. */
  readonly until: Date;
  /** How many there were: all talkers and `others`. */
  readonly drops: number;
  /** The loudest first. */
  readonly talkers: readonly Talker[];
  /** Drops of talkers who are not listed, and what is `missing` of those who are. */
  readonly others: number;
}

/** Who a talker is. */
export type TalkerIdentity = Omit<Talker, 'count' | 'missing' | 'first' | 'last'>;

/** What a probe has counted of a talker since it last told. */
export interface TalkerCount extends Pick<Talker, 'count' | 'missing'> {
  /** A text that no other talker has. */
  readonly key: string;
  /** When the first and the last were dropped, in milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
  /** Most talkers of a flood of random addresses are never listed, so it is asked only of who is. */
  identify(): TalkerIdentity;
}

/** What a probe has counted by talker since it last told. */
export interface TalkerCounts {
  readonly talkers: Iterable<TalkerCount>;
  /** Drops that no talker has. */
  readonly others: number;
  /** How many of those a talker may have had who is not among the `talkers`. */
  readonly mostMissing: number;
}
