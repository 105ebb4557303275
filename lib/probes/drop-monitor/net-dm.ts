import {
  decodeAttributes,
  encodeAttribute,
  listAttributes,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  textOf,
  uint16Of,
  uint32,
  uint32Of,
  uint64Of,
} from '../../netlink/netlink-message.ts';

/** Generic netlink and the NET_DM family: linux/genetlink.h, linux/net_dropmon.h. */

const GENERIC_HEADER_BYTES = 4;
/** GENL_ID_CTRL */
const CONTROLLER = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR = { familyId: 1, familyName: 2, groups: 7 } as const;
const CTRL_ATTR_GROUP = { name: 1, id: 2 } as const;

const COMMAND = {
  config: 2,
  start: 3,
  stop: 4,
  packetAlert: 5,
  statsGet: 8,
} as const;
const ATTR = {
  alertMode: 1,
  symbol: 3,
  inPort: 4,
  timestamp: 5,
  protocol: 6,
  payload: 7,
  truncLen: 9,
  origLen: 10,
  queueLen: 11,
  stats: 12,
  hwStats: 13,
  origin: 14,
  hwTrapGroup: 15,
  hwTrap: 16,
  swDrops: 20,
  hwDrops: 21,
  reason: 23,
} as const;
const PORT_ATTR_IFINDEX = 0;
const STATS_ATTR_DROPPED = 0;
const PACKET_MODE = 1;
const HARDWARE = 1;

/** Where the family is reached, as long as its module is loaded. */
export interface NetDmFamily {
  readonly id: number;
  /** The multicast group that alerts are sent to. */
  readonly group: number;
}

type Request = Omit<NetlinkMessage, 'sequence'>;

/** Asks for all families: to ask for one by its name would load its module. */
export function familiesRequest(): Request {
  return {
    type: CONTROLLER,
    flags: NLM_F_REQUEST | NLM_F_DUMP,
    payload: Buffer.from([CTRL_CMD_GETFAMILY, 1, 0, 0]),
  };
}

/** NET_DM among the families; undefined: the kernel does not have it, or has not loaded it. */
export function findNetDm(families: readonly NetlinkMessage[]): NetDmFamily | undefined {
  for (const { payload } of families) {
    const attributes = decodeAttributes(payload.subarray(GENERIC_HEADER_BYTES));
    const name = attributes.get(CTRL_ATTR.familyName);
    if (name === undefined || textOf(name) !== 'NET_DM') continue;
    const groups = listAttributes(attributes.get(CTRL_ATTR.groups) ?? Buffer.alloc(0));
    for (const [, value] of groups) {
      const group = decodeAttributes(value);
      if (textOf(group.get(CTRL_ATTR_GROUP.name) ?? Buffer.alloc(0)) !== 'events') continue;
      return {
        id: uint16Of(attributes.get(CTRL_ATTR.familyId)) ?? 0,
        group: uint32Of(group.get(CTRL_ATTR_GROUP.id)) ?? 0,
      };
    }
  }
  return undefined;
}

/** Each packet, cut to so many bytes; so many wait on each CPU. */
export function configRequest(family: NetDmFamily, truncLen: number, queueLen: number): Request {
  return request(family, COMMAND.config, NLM_F_ACK, [
    encodeAttribute(ATTR.alertMode, Buffer.from([PACKET_MODE])),
    encodeAttribute(ATTR.truncLen, uint32(truncLen)),
    encodeAttribute(ATTR.queueLen, uint32(queueLen)),
  ]);
}

/** Drops of the kernel, and of the hardware. EAGAIN: it is at work already. */
export function startRequest(family: NetDmFamily): Request {
  return request(family, COMMAND.start, NLM_F_ACK, drops());
}

export function stopRequest(family: NetDmFamily): Request {
  return request(family, COMMAND.stop, NLM_F_ACK, drops());
}

export function statsRequest(family: NetDmFamily): Request {
  return request(family, COMMAND.statsGet, NLM_F_ACK, []);
}

/** How many packets found no room in a queue, since the module was loaded. */
export function decodeStats(answer: readonly NetlinkMessage[]): number {
  let dropped = 0;
  for (const { payload } of answer) {
    const attributes = decodeAttributes(payload.subarray(GENERIC_HEADER_BYTES));
    for (const type of [ATTR.stats, ATTR.hwStats]) {
      const stats = decodeAttributes(attributes.get(type) ?? Buffer.alloc(0));
      dropped += Number(uint64Of(stats.get(STATS_ATTR_DROPPED)) ?? 0n);
    }
  }
  return dropped;
}

/** A packet that was dropped. */
export interface PacketAlert {
  /** The function that dropped it, and where in it: `__netif_receive_skb_core+0x14f`. */
  readonly symbol?: string;
  /** Linux 6.1 tells it, 5.10 does not. */
  readonly reason?: string;
  /** The interface that it came in by: skb->skb_iif; 0 for what this host sends. */
  readonly ifindex: number;
  /** Wall clock, in nanoseconds. */
  readonly timestampNs: bigint;
  /** skb->protocol */
  readonly protocol: number;
  /** Bytes from the MAC header on. */
  readonly length: number;
  readonly payload: Buffer;
}

/** Reads an alert; undefined for any other message of the family. */
export function decodeAlert({ payload }: NetlinkMessage): PacketAlert | undefined {
  if (payload[0] !== COMMAND.packetAlert) return undefined;
  const attributes = decodeAttributes(payload.subarray(GENERIC_HEADER_BYTES));
  const port = decodeAttributes(attributes.get(ATTR.inPort) ?? Buffer.alloc(0));
  const text = (type: number) => {
    const value = attributes.get(type);
    return value === undefined ? undefined : textOf(value);
  };
  const isHardware = uint16Of(attributes.get(ATTR.origin)) === HARDWARE;
  const symbol = isHardware ? text(ATTR.hwTrapGroup) : text(ATTR.symbol);
  const reason = isHardware ? text(ATTR.hwTrap) : text(ATTR.reason);
  const bytes = attributes.get(ATTR.payload) ?? Buffer.alloc(0);
  const protocol = uint16Of(attributes.get(ATTR.protocol)) ?? 0;
  return {
    ...(symbol !== undefined && { symbol }),
    ...(reason !== undefined && { reason }),
    ifindex: uint32Of(port.get(PORT_ATTR_IFINDEX)) ?? 0,
    timestampNs: uint64Of(attributes.get(ATTR.timestamp)) ?? 0n,
    protocol,
    length: uint32Of(attributes.get(ATTR.origLen)) ?? bytes.length,
    payload: bytes,
  };
}

function drops(): Buffer[] {
  const none = Buffer.alloc(0);
  return [encodeAttribute(ATTR.swDrops, none), encodeAttribute(ATTR.hwDrops, none)];
}

function request(
  { id }: NetDmFamily,
  command: number,
  flags: number,
  attributes: readonly Buffer[],
): Request {
  const header = Buffer.from([command, 2, 0, 0]);
  return {
    type: id,
    flags: NLM_F_REQUEST | flags,
    payload: Buffer.concat([header, ...attributes]),
  };
}
