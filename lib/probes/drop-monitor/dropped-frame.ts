import type { CounterName, DropEvent } from '../../drops/drop-event.ts';
import { decodeFrame } from '../../ethernet/frame.ts';
import { isTagProtocol } from '../../ethernet/vlan.ts';
import type { PacketAlert } from './net-dm.ts';

/** An 802.3 length, not an EtherType. */
const LEAST_ETHER_TYPE = 0x0600;

/** An Ethernet header and two VLAN tags. */
export const LONGEST_HEADER = 22;

/**
 * Functions that drop a frame where they have raised rx_dropped of its link or are about to, and the
 * reasons for which they do: they drop for others, too, and count nothing then (TC_INGRESS). The drop
 * monitor does not tell of counters; this is read from the kernel's source, and compared with the
 * counters by the ledger. Before 5.17 there are no reasons.
 */
const COUNTED: Readonly<Record<string, readonly string[]>> = {
  __netif_receive_skb_core: ['UNHANDLED_PROTO', 'PTYPE_ABSENT', 'NOT_SPECIFIED'],
  enqueue_to_backlog: ['CPU_BACKLOG', 'DEV_READY', 'NOT_SPECIFIED'],
};

/** Since 5.19: rx_otherhost_dropped. */
const OTHERHOST = 'OTHERHOST';

/** The counter that a drop has moved, judged by where and why it was; undefined: none. */
export function counterMoved({ location = '', reason }: DropEvent): CounterName | undefined {
  if (reason === OTHERHOST) return 'rx_otherhost_dropped';
  const reasons = COUNTED[location];
  if (reasons === undefined) return undefined;
  return reason === undefined || reasons.includes(reason) ? 'rx_dropped' : undefined;
}

/**
 * A packet as a drop. `link`: the name of its interface, and the network namespace that is watched. An
 * alert does not say which it is from: of two links with the same number it cannot be told whose it was.
 */
export function dropEvent(
  alert: PacketAlert,
  link: { readonly name: string; readonly netns: number },
  headerBytes: number,
): DropEvent {
  const { symbol, reason, payload, timestampNs } = alert;
  // Wall clock and CLOCK_MONOTONIC stand apart by what they do now.
  const ageNs = BigInt(Date.now()) * 1_000_000n - timestampNs;
  return {
    probe: 'drop-monitor',
    time: new Date(Number(timestampNs / 1_000_000n)),
    timestampNs: process.hrtime.bigint() - ageNs,
    interface: link.name,
    ifindex: alert.ifindex,
    netns: link.netns,
    ...frameOf(alert),
    ...(reason !== undefined && { reason }),
    ...(symbol !== undefined && { location: functionName(symbol) }),
    length: alert.length,
    header: new Uint8Array(payload.subarray(0, headerBytes)),
  };
}

type Frame = Pick<DropEvent, 'source' | 'destination' | 'etherType' | 'vlan'>;

/** An alert does not say either whether its packet has an Ethernet header: then the type fits. */
function frameOf({ payload, protocol }: PacketAlert): Frame {
  if (payload.length < 14) return { source: '', destination: '', etherType: protocol };
  const frame = decodeFrame(payload.subarray(0, LONGEST_HEADER));
  const outer = payload.readUInt16BE(12);
  const fits = isTagProtocol(outer) || outer === protocol || outer < LEAST_ETHER_TYPE;
  if (!fits) return { source: '', destination: '', etherType: protocol };
  const { source, destination, vlan } = frame;
  return {
    source,
    destination,
    etherType: innerType(payload),
    ...(vlan !== undefined && { vlan }),
  };
}

/** The EtherType behind up to two tags, as far as they are there. */
function innerType(payload: Buffer): number {
  let at = 12;
  while (at < 20 && isTagProtocol(payload.readUInt16BE(at)) && payload.length >= at + 6) at += 4;
  return payload.readUInt16BE(at);
}

/** `__netif_receive_skb_core` of `__netif_receive_skb_core.constprop.0+0x14f/0x10c0 [module]`. */
function functionName(symbol: string): string {
  return symbol.replace(/[.+ ].*$/, '');
}
