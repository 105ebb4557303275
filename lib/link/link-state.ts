import { asked } from '../errors.ts';
import { native } from '../native.ts';
import { exchange } from '../netlink/netlink-exchange.ts';
import {
  decodeAttributes,
  encodeAttribute,
  type NetlinkMessage,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  textOf,
  uint32,
  uint32Of,
} from '../netlink/netlink-message.ts';
import { type NetworkNamespaceRef, networkNamespacePath } from './network-namespace.ts';

/** What a link is, and how it is connected to others: rtnetlink(7). */
export interface LinkState {
  readonly name: string;
  readonly ifindex: number;
  /** Whether it is set up: IFF_UP. */
  readonly isUp: boolean;
  /** Whether it can receive: it is up and has a carrier, and the kernel has taken note of that. */
  readonly hasCarrier: boolean;
  /** The type of link, as `ip link add type` names it; '' for hardware and `lo`. */
  readonly kind: string;
  /** The ifindex of the link that this link is a port of; 0: it is no port. */
  readonly master: number;
  /** The type of that link: 'bridge'; '' for a link that is no port. */
  readonly masterKind: string;
  /** Whether it is a port of a bond that does not use it now. */
  readonly isInactivePort: boolean;
  /**
   * The ifindex of the link that a link of this kind is built on (the device below a VLAN device, the
   * peer of a veth); 0: there is none, or it is in another network namespace.
   */
  readonly lower: number;
}

// linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if.h
const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;
const RTM_GETQDISC = 38;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BOND_SLAVE_STATE = 1;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const IFF_LOWER_UP = 0x10000;
const IFF_DORMANT = 0x20000;
const TCA_KIND = 1;

/** struct ifinfomsg */
const LINK_HEADER_BYTES = 16;
/** struct tcmsg */
const QDISC_HEADER_BYTES = 20;

/** The queueing disciplines that have a place for filters of what is received. */
const INGRESS: readonly string[] = ['ingress', 'clsact'];

/** The links of a network namespace, this process's by default. */
export function readLinkStates(ref?: NetworkNamespaceRef): LinkState[] {
  const skipStats = encodeAttribute(IFLA_EXT_MASK, uint32(RTEXT_FILTER_SKIP_STATS));
  const payload = Buffer.concat([Buffer.alloc(LINK_HEADER_BYTES), skipStats]);
  return dump(ref, 'looking at links', RTM_GETLINK, payload).flatMap(decodeLink);
}

/** The ifindexes of the links that have a place for tc(8) filters of what they receive. */
export function linksWithIngress(ref?: NetworkNamespaceRef): Set<number> {
  const payload = Buffer.alloc(QDISC_HEADER_BYTES);
  return new Set(
    dump(ref, 'looking at queueing disciplines', RTM_GETQDISC, payload)
      .filter((message) => INGRESS.includes(qdiscKind(message)))
      .map((message) => message.payload.readInt32LE(4)),
  );
}

function dump(
  ref: NetworkNamespaceRef | undefined,
  doing: string,
  type: number,
  payload: Buffer,
): NetlinkMessage[] {
  const { NetlinkSocket } = native();
  return asked(doing, () => {
    const socket = new NetlinkSocket(NETLINK_ROUTE, networkNamespacePath(ref, 'networkNamespace'));
    try {
      return exchange(socket, { type, flags: NLM_F_REQUEST | NLM_F_DUMP, payload });
    } finally {
      socket.close();
    }
  });
}

/** The link of a message, in a list of one; none where the message is shorter than struct ifinfomsg. */
export function decodeLink({ payload }: NetlinkMessage): LinkState[] {
  if (payload.length < LINK_HEADER_BYTES) return [];
  const flags = payload.readUInt32LE(8);
  const attributes = decodeAttributes(payload.subarray(LINK_HEADER_BYTES));
  const number = (type: number) => uint32Of(attributes.get(type)) ?? 0;
  const info = decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const masterKind = textOf(info.get(IFLA_INFO_SLAVE_KIND) ?? Buffer.alloc(0));
  const link: LinkState = {
    name: textOf(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    ifindex: payload.readInt32LE(4),
    isUp: (flags & IFF_UP) !== 0,
    // A carrier that just came is not in use yet, and one that just went may still seem to be.
    hasCarrier: (flags & IFF_LOWER_UP) !== 0 && (flags & (IFF_RUNNING | IFF_DORMANT)) !== 0,
    kind: textOf(info.get(IFLA_INFO_KIND) ?? Buffer.alloc(0)),
    master: number(IFLA_MASTER),
    masterKind,
    isInactivePort: masterKind === 'bond' && isBackup(info.get(IFLA_INFO_SLAVE_DATA)),
    lower: attributes.has(IFLA_LINK_NETNSID) ? 0 : number(IFLA_LINK),
  };
  return [link];
}

/** BOND_STATE_BACKUP in linux/if_bonding.h is 1. */
function isBackup(portData: Buffer | undefined): boolean {
  return decodeAttributes(portData ?? Buffer.alloc(0)).get(IFLA_BOND_SLAVE_STATE)?.[0] === 1;
}

function qdiscKind({ payload }: NetlinkMessage): string {
  const kind = decodeAttributes(payload.subarray(QDISC_HEADER_BYTES)).get(TCA_KIND);
  return textOf(kind ?? Buffer.alloc(0));
}
