import type { VlanTag } from '../ethernet/vlan.ts';

/** The ways of seeing drops, the best first. */
export const PROBE_NAMES = ['ebpf', 'systemtap', 'drop-monitor', 'counters'] as const;

/** A way of seeing drops. */
export type ProbeName = (typeof PROBE_NAMES)[number];

/** The link counters that a drop can move, in the kernel's spelling (struct net_device_core_stats). */
export type CounterName = 'rx_dropped' | 'tx_dropped' | 'rx_nohandler' | 'rx_otherhost_dropped';

/** The link counter that a drop moved. */
export interface DropCounter {
  /** Which counter. */
  readonly name: CounterName;
  /** Its value before this frame: always `after - 1n`, this frame's own increment. */
  readonly before: bigint;
  /** Its value with this frame, as `ip -s link` shows it. */
  readonly after: bigint;
}

/** One frame that the kernel dropped. */
export interface DropEvent {
  /** The probe that saw it. */
  readonly probe: ProbeName;
  /** Wall clock, worked out from `timestampNs`. */
  readonly time: Date;
  /** CLOCK_MONOTONIC in nanoseconds: comparable with `process.hrtime.bigint()`. */
  readonly timestampNs: bigint;
  /** Name of the interface at that moment; '' for a drop without one. */
  readonly interface: string;
  /** Its index; 0 for a drop without one. */
  readonly ifindex: number;
  /** Inode number of the network namespace: the number in `readlink /proc/self/ns/net`. */
  readonly netns: number;
  /** The CPU that dropped it. */
  readonly cpu?: number;
  /** Source MAC address, lower case with colons; '' where there is no Ethernet header. */
  readonly source: string;
  /** Destination MAC address; '' where there is no Ethernet header. */
  readonly destination: string;
  /**
   * EtherType behind any VLAN tags. Below 0x0600 it is the length field of an IEEE 802.3 frame.
   * Without an Ethernet header it is skb->protocol.
   */
  readonly etherType: number;
  /** The outer VLAN tag, where the kernel still has one. */
  readonly vlan?: VlanTag;
  /** The link counter that the drop moved, if it moved one. */
  readonly counter?: DropCounter;
  /** The kernel's name for why, without SKB_DROP_REASON_; its number if it has no name here. */
  readonly reason?: string;
  /** The kernel function that dropped it; absent where kernel addresses are hidden. */
  readonly location?: string;
  /** Bytes of the frame from the MAC header on, without FCS, a stripped tag counted. */
  readonly length: number;
  /** The first bytes of the frame, as the kernel still held them: a copy that keeps no batch in memory. */
  readonly header: Uint8Array;
}

/** Drops that were seen but not delivered. */
export interface LostEvent {
  /** The probe that saw them. */
  readonly probe: ProbeName;
  /** How many. */
  readonly count: number;
  /**
   * Where. 'queue': that of a slow reader was full. 'kernel': the ring was full; or, rarely, a drop
   * interrupted another one on its CPU and could not be looked at, whosever it was; or the kernel's own
   * queue was full (drop-monitor). 'output': that of the probe's own process did not come through
   * whole.
   */
  readonly where: 'kernel' | 'queue' | 'output';
}

/**
 * Drops known by number only: they came too fast for the probe to tell each, or it sees no more than
 * the counters.
 */
export interface DropTotals {
  /** The probe that counted them. */
  readonly probe: ProbeName;
  /** How many. */
  readonly count: number;
  /** Name of the interface; '' where it is not known. */
  readonly interface: string;
  readonly ifindex: number;
  /** Inode number of the network namespace, as in DropEvent. */
  readonly netns: number;
  /** The link counter that they moved. */
  readonly counter?: CounterName;
  /** Whose they are, as in DropEvent; absent where there were too many talkers to keep apart. */
  readonly source?: string;
  readonly destination?: string;
  readonly etherType?: number;
  readonly vlan?: VlanTag;
}

/** Drops in the order in which the probe told them, decoded on reading. */
export interface DropBatch extends Iterable<DropEvent> {
  /** The probe that saw them. */
  readonly probe: ProbeName;
  /** How many. */
  readonly length: number;
  /** The drop at index `i`. Throws RangeError outside 0 to `length - 1`. */
  at(i: number): DropEvent;
  /** Those from `start` up to but not including `end`, as in Array.prototype.slice; not copied. */
  slice(start?: number, end?: number): DropBatch;
}
