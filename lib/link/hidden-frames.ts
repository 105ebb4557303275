import type { LinkState } from './link-state.ts';
import type { PacketSocketInfo } from './packet-sockets.ts';

/**
 * The frames that a tap hides on a link. 'none': no frames. 'untagged': only frames without a VLAN tag;
 * frames with one, VLAN 0 too, are dropped and counted. 'any': frames with and without a VLAN tag. A tap
 * hides only frames that it takes and that nobody else takes.
 */
export type HiddenFrames = 'none' | 'untagged' | 'any';

/** The links that a tap may hide drops on. */
export interface TappedLinks {
  readonly links: readonly LinkState[];
  /** The ifindexes of those whose frames tc(8) sees before protocols do. */
  readonly withIngress: ReadonlySet<number>;
}

/** ETH_P_ALL in linux/if_ether.h */
export const EVERY_PROTOCOL = 3;

// linux/if_ether.h: these stand for frames that have a length in place of an EtherType.
export const ETH_P_802_3 = 0x0001;
export const ETH_P_802_2 = 0x0004;

/** Links of these kinds give each frame of a port to an rx_handler in the kernel. */
const HANDLING_MASTERS: readonly string[] = ['bridge', 'bond', 'team', 'openvswitch'];

/** Links of these kinds put an rx_handler on the link that they are built on. */
const HANDLING_UPPERS: readonly string[] = ['macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec'];

/** Links of these kinds have an rx_handler of their own. */
const SELF_HANDLING: readonly string[] = ['macvtap', 'ipvtap'];

/** The kernel goes on with the same frame on links of these kinds when it comes from below. */
const CONTINUING_UPPERS: readonly string[] = ['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap'];
const CONTINUING_MASTERS: readonly string[] = ['bond', 'team'];

/** Links of these kinds have frames from the links below alone. */
const FED_FROM_BELOW: readonly string[] = ['vlan', 'bond', 'team'];

/**
 * What a packet socket hides, by ifindex; links that it takes nothing of are left out.
 *
 * `__netif_receive_skb_core()` drops a frame unless the last one to take it was found after all of
 * these: the ingress filters of tc, VLAN tags and rx_handlers. Taps of every protocol are served
 * before them; if the frame comes upon one of them, the kernel forgets that a tap took it. Taps of one
 * protocol are served after them.
 */
export function hiddenFrames(
  socket: Pick<PacketSocketInfo, 'protocol' | 'ifindex'>,
  tapped: TappedLinks,
): Map<number, HiddenFrames> {
  return socket.protocol === EVERY_PROTOCOL
    ? hiddenByEveryProtocol(socket.ifindex, tapped)
    : hiddenByOneProtocol(socket.ifindex, tapped.links);
}

function hiddenByEveryProtocol(
  ifindex: number,
  { links, withIngress }: TappedLinks,
): Map<number, HiddenFrames> {
  const isHandled = handledLinks(links);
  return new Map(
    links
      .filter((link) => ifindex === 0 || link.ifindex === ifindex)
      .map((link) => [
        link.ifindex,
        isHandled(link) || withIngress.has(link.ifindex) ? 'none' : 'untagged',
      ]),
  );
}

function handledLinks(links: readonly LinkState[]): (link: LinkState) => boolean {
  const lowers = new Set(
    links.filter(({ kind }) => HANDLING_UPPERS.includes(kind)).map(({ lower }) => lower),
  );
  return ({ ifindex, kind, masterKind }) =>
    HANDLING_MASTERS.includes(masterKind) || SELF_HANDLING.includes(kind) || lowers.has(ifindex);
}

function hiddenByOneProtocol(
  ifindex: number,
  links: readonly LinkState[],
): Map<number, HiddenFrames> {
  if (ifindex === 0) {
    // The inactive port of a bond gives frames to sockets alone that are bound to it.
    return new Map(
      links.map((link) => [link.ifindex, link.isInactivePort ? ('none' as const) : 'any']),
    );
  }
  const own = links.filter((link) => link.ifindex === ifindex);
  const above = own.flatMap((link) =>
    FED_FROM_BELOW.includes(link.kind) ? [] : continuing(link, links),
  );
  return new Map([...own, ...above].map((link) => [link.ifindex, 'any']));
}

/** The links above one on which the kernel goes on with frames that it received there. */
function continuing(
  { ifindex, master, masterKind }: LinkState,
  links: readonly LinkState[],
  seen: readonly number[] = [],
): LinkState[] {
  const above = links.filter(
    (link) =>
      !seen.includes(link.ifindex) &&
      ((CONTINUING_UPPERS.includes(link.kind) && link.lower === ifindex) ||
        (CONTINUING_MASTERS.includes(masterKind) && link.ifindex === master)),
  );
  return above.flatMap((link) => [link, ...continuing(link, links, [...seen, ifindex])]);
}
