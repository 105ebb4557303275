import { type Link, Network } from './network.ts';
import type { SendStep, Step, Stream, World } from './world.ts';

/** A counter that each frame of a stream raises by one. */
export interface Rise {
  /** Key of the link. */
  readonly link: string;
  readonly counter: 'rx_dropped' | 'tx_dropped' | 'rx_nohandler' | 'rx_otherhost_dropped';
  /**
   * 'frame': the frame's own drop raises it, on that link. 'driver': the link's driver does. 'peer': the
   * frame is longer than what the link takes from its peer. 'none': no frame of the link is dropped.
   */
  readonly by: 'frame' | 'driver' | 'peer' | 'none';
}

/** What becomes of the frames of a stream. */
export interface Sent {
  readonly stream: Stream;
  /** The index of the step in the world, and of the stream in the step. */
  readonly step: number;
  readonly index: number;
  /** Undefined: the model does not know. Empty: the frames raise no counter. */
  readonly fate: readonly Rise[] | undefined;
}

/** What becomes of all streams of a world. */
export function fatesOf(world: World): Sent[] {
  const network = new Network();
  return world.steps.flatMap((step, at): Sent[] => {
    if (step.do !== 'send') {
      network.apply(step);
      return [];
    }
    const streams = step.streams.map((stream, index) => ({
      stream,
      step: at,
      index,
      fate: isCalm(step) ? fateOf(network, stream) : undefined,
    }));
    for (const inner of step.meanwhile) network.apply(inner);
    return streams;
  });
}

/** Steps that leave the ways of frames as they are. */
const HARMLESS: readonly Step['do'][] = ['watch', 'ledger', 'close', 'rename'];

function isCalm(step: SendStep): boolean {
  return step.meanwhile.every((inner) => HARMLESS.includes(inner.do));
}

type Fate = readonly Rise[] | undefined;

/** An Ethernet header and the tag that the kernel keeps beside the frame. */
const FRAME_OVERHEAD = 14 + 4;

function fateOf(network: Network, stream: Stream): Fate {
  const link = network.link(stream.on);
  // The kernel refuses to send there, and counts nothing. What is written to a tun device is refused, too.
  if (!link.up) return [];
  switch (link.kind) {
    case 'veth':
      // On a port of a bond or bridge, too, a packet socket sends to the wire.
      return transmit(network, link, stream);
    case 'macvlan':
    case 'vlan': {
      const lower = network.link(link.on ?? '');
      if (!lower.up || link.isMoved || (link.kind === 'vlan' && stream.vlan !== undefined)) {
        return undefined;
      }
      const fate = transmit(network, lower, link.vlan ? { ...stream, vlan: link.vlan } : stream);
      // The upper device is told that its lower one refused the frame, and may count that.
      return fate?.some(({ by, counter }) => by !== 'frame' || counter === 'tx_dropped')
        ? undefined
        : fate;
    }
    case 'bridge':
      if (link.stp || stream.vlan !== undefined || stream.to === 'receiver') return undefined;
      return flood(network, network.ports(link.key), stream, true);
    case 'dummy':
      return [];
    case 'tap':
      if (stream.frame === 'version0') return undefined;
      return receive(network, link, stream);
    case 'tun':
      if (stream.frame === 'version0') {
        return [{ link: link.key, counter: 'rx_dropped', by: 'none' }];
      }
      return stream.frame === 'udp' ? [] : undefined;
    default:
      return undefined;
  }
}

/** What a veth device sends is received by its peer. */
function transmit(network: Network, link: Link, stream: Stream): Fate {
  if (link.kind !== 'veth' || link.peer === undefined || !link.up) return undefined;
  if (link.filters.has('tbf') || link.filters.has('netem')) return undefined;
  if (link.filters.has('egress')) return [];
  const peer = network.link(link.peer);
  // Without a carrier a link has no queue that takes frames.
  if (!peer.up) return [{ link: link.key, counter: 'tx_dropped', by: 'frame' }];
  if (stream.length > peer.mtu + FRAME_OVERHEAD) {
    return [
      { link: peer.key, counter: 'rx_dropped', by: 'peer' },
      { link: link.key, counter: 'tx_dropped', by: 'driver' },
    ];
  }
  return receive(network, peer, stream);
}

function receive(network: Network, link: Link, stream: Stream): Fate {
  if (!link.up || link.bond !== undefined) return undefined;
  if (['ingress', 'nft', 'xdp'].some((how) => link.filters.has(how as never))) return [];
  if (link.bridge !== undefined) return bridged(network, link, stream);
  const { vlan } = stream;
  const uppers = network.uppers(link.key);
  if (uppers.some(({ kind }) => kind === 'ipvlan')) return undefined;
  const vlanDevice = uppers.find(
    (upper) =>
      vlan !== undefined &&
      vlan.id !== 0 &&
      upper.vlan?.id === vlan.id &&
      upper.vlan.protocol === vlan.protocol,
  );
  if (vlanDevice !== undefined) {
    if (!vlanDevice.up) return undefined;
    // A socket that is bound to the EtherType on the lower device takes the frame, too.
    if (takes(network, link, stream.etherType) && stream.frame === 'unknown') return [];
    return handle(network, vlanDevice, { ...stream, vlan: undefined });
  }
  const macvlan = uppers.find(({ kind }) => kind === 'macvlan');
  if (macvlan === undefined || stream.to !== 'broadcast') return handle(network, link, stream);
  if (macvlan.shortQueue) return undefined;
  return both(handle(network, link, stream), macvlan.up ? handle(network, macvlan, stream) : []);
}

/** What the protocol handlers do with a frame that has arrived on a link. */
function handle(network: Network, link: Link, stream: Received): Fate {
  const { frame, to, vlan, etherType } = stream;
  if (frame === 'unknown') {
    if (takes(network, link, etherType)) return [];
    if (takes(network, link, undefined)) {
      const hidden = hiddenByTap(network, link.key);
      if (hidden === undefined) return undefined;
      if (hidden === 'untagged' && vlan === undefined) return [];
    }
    return [{ link: link.key, counter: 'rx_dropped', by: 'frame' }];
  }
  const isOthers = to === 'stranger' || (vlan !== undefined && vlan.id !== 0);
  return isOthers ? [{ link: link.key, counter: 'rx_otherhost_dropped', by: 'frame' }] : [];
}

type Received = Pick<Stream, 'frame' | 'to' | 'etherType'> & {
  readonly vlan?: Stream['vlan'] | undefined;
};

/**
 * What a tap of every protocol hides on a link: a frame with a VLAN tag is counted in spite of it, and so
 * are all frames of a link whose frames the kernel hands on. Undefined: it depends on the kernel.
 */
export function hiddenByTap(network: Network, key: string): 'none' | 'untagged' | undefined {
  const link = network.link(key);
  const uppers = network.uppers(key);
  if (link.filters.size > 0 || uppers.some(({ isMoved }) => isMoved)) return undefined;
  const isHandedOn =
    link.bridge !== undefined ||
    link.bond !== undefined ||
    uppers.some(({ kind }) => kind === 'macvlan' || kind === 'ipvlan');
  return isHandedOn ? 'none' : 'untagged';
}

/** Whether a tap on a link takes the frames of an EtherType, or, if that is undefined, all frames. */
function takes(network: Network, link: Link, etherType: number | undefined): boolean {
  return [...network.taps.values()].some(
    (tap) => link.up && tap.on === link.key && tap.etherType === etherType,
  );
}

function bridged(network: Network, port: Link, stream: Stream): Fate {
  const bridge = network.link(port.bridge ?? '');
  if (bridge.stp || !bridge.up || stream.vlan !== undefined) return undefined;
  const own = stream.to === 'stranger' ? [] : handle(network, bridge, stream);
  if (stream.to === 'receiver') return own;
  const others = network.ports(bridge.key).filter(({ key }) => key !== port.key);
  return both(own, flood(network, others, stream));
}

function both(one: Fate, other: Fate): Fate {
  return one === undefined || other === undefined ? undefined : [...one, ...other];
}

/** A bridge sends to the ports that are up, and drops what is too long for one without counting it. */
function flood(
  network: Network,
  ports: readonly Link[],
  stream: Stream,
  isFromAbove = false,
): Fate {
  // A bridge without ports has no carrier; it learns that some time later.
  if (isFromAbove && ports.length === 0) return undefined;
  if (ports.some((port) => !port.up || (port.peer && !network.link(port.peer).up)))
    return undefined;
  const fates = ports
    .filter(({ mtu }) => stream.length <= mtu + FRAME_OVERHEAD)
    .map((port) => transmit(network, port, stream));
  return fates.includes(undefined) ? undefined : fates.flatMap((fate) => fate ?? []);
}
