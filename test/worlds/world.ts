/** A network namespace of a world: 'here' is that of the watching process, 'there' is another one. */
export type Place = 'here' | 'there';

/** What kinds of links a kernel can make besides veth, and what it can do with them. */
export const FEATURES = [
  'bridge',
  'vlanFiltering',
  'vlan',
  'macvlan',
  'dummy',
  'tun',
  'bond',
  'ipvlan',
  'netkit',
  'vxlan',
  'gretap',
  'ingress',
  'xdp',
  'nft',
  'tbf',
  'netem',
] as const;
export type Feature = (typeof FEATURES)[number];

interface VethStep {
  readonly do: 'veth';
  readonly name: string;
  readonly peer: string;
  readonly in: Place;
  readonly peerIn: Place;
  readonly mtu: number;
  readonly peerMtu: number;
  /** Whether both ends speak IPv6, which sends frames of its own now and then. */
  readonly ipv6: boolean;
}

interface BridgeStep {
  readonly do: 'bridge';
  readonly name: string;
  readonly in: Place;
  readonly stp: boolean;
  readonly vlanFiltering: boolean;
}

/** Makes a link a port of a bridge. */
interface PortStep {
  readonly do: 'port';
  readonly link: string;
  readonly of: string;
}

interface VlanStep {
  readonly do: 'vlan';
  readonly name: string;
  readonly on: string;
  readonly id: number;
  readonly protocol: '802.1Q' | '802.1ad';
}

interface MacvlanStep {
  readonly do: 'macvlan';
  readonly name: string;
  readonly on: string;
  readonly mode: 'bridge' | 'private' | 'vepa';
  /** Length of the queue for broadcasts; undefined: the kernel's default. */
  readonly queue?: number;
}

interface DummyStep {
  readonly do: 'dummy';
  readonly name: string;
  readonly in: Place;
}

/** A pair like veth, by another driver. */
interface NetkitStep {
  readonly do: 'netkit';
  readonly name: string;
  readonly peer: string;
  readonly in: Place;
  readonly peerIn: Place;
}

/** A bond of two ends of veth pairs, of which one is active. */
interface BondStep {
  readonly do: 'bond';
  readonly name: string;
  readonly active: string;
  readonly inactive: string;
}

interface IpvlanStep {
  readonly do: 'ipvlan';
  readonly name: string;
  readonly on: string;
  readonly mode: 'l2' | 'l3';
}

/** A tunnel to the peer of a veth end. */
interface TunnelStep {
  readonly do: 'vxlan' | 'gretap';
  readonly name: string;
  readonly on: string;
}

/** Has something drop what a link receives (ingress, nft, xdp) or sends (egress, tbf, netem). */
interface FilterStep {
  readonly do: 'filter';
  readonly link: string;
  readonly how: 'ingress' | 'nft' | 'xdp' | 'egress' | 'tbf' | 'netem';
}

/** A tun or tap device, which a foreign process holds open and writes to. */
interface TunStep {
  readonly do: 'tun';
  readonly name: string;
  readonly in: Place;
  readonly mode: 'tun' | 'tap';
}

/** Options of a watch as far as a world decides them; the player adds interfaces and namespaces. */
export interface WatchStep {
  readonly do: 'watch';
  readonly name: string;
  readonly scope: 'counted' | 'all';
  /** The network namespace that is watched, and in which way it is given. */
  readonly in: Place | 'all';
  readonly by: 'default' | 'pid' | 'name' | 'path';
  readonly headerBytes: number;
  readonly ringBytes: number;
  readonly queueLimit: number;
  readonly reader: 'listener' | 'loop' | 'batches' | 'summary';
  readonly interfaces?: readonly string[];
  readonly etherTypes?: readonly number[];
  readonly sources?: readonly number[];
}

/** Asks a watch for its ledger. */
interface LedgerStep {
  readonly do: 'ledger';
  readonly of: string;
}

interface CloseStep {
  readonly do: 'close';
  readonly watch: string;
}

/** Frames that a foreign process sends from one CPU. */
export interface Stream {
  /** The link that sends, or the tun or tap device that the frames are written to. */
  readonly on: string;
  readonly cpu: number;
  /** 'unknown': an EtherType that nobody handles; 'udp': UDP over IPv4 to a closed port. */
  readonly frame: 'unknown' | 'udp' | 'version0';
  readonly etherType: number;
  readonly to: 'receiver' | 'stranger' | 'broadcast';
  readonly vlan?: { readonly id: number; readonly protocol: '802.1Q' | '802.1ad' };
  /** Number of the sender's address. */
  readonly source: number;
  readonly count: number;
  /** Of each frame from the Ethernet header on, in bytes. */
  readonly length: number;
}

/** Sends streams at the same time, and takes other steps meanwhile. Ends when all are sent. */
export interface SendStep {
  readonly do: 'send';
  readonly streams: readonly Stream[];
  readonly meanwhile: readonly Step[];
}

/** Opens a packet socket on a link. */
export interface TapStep {
  readonly do: 'tap';
  readonly name: string;
  readonly on: string;
  /** Undefined: every protocol. */
  readonly etherType?: number;
}

interface UntapStep {
  readonly do: 'untap';
  readonly name: string;
}

interface RenameStep {
  readonly do: 'rename';
  readonly link: string;
  readonly to: string;
}

interface SetStep {
  readonly do: 'up' | 'down' | 'delete';
  readonly link: string;
}

interface MoveStep {
  readonly do: 'move';
  readonly link: string;
  readonly to: Place;
}

export type Step =
  | VethStep
  | BridgeStep
  | PortStep
  | VlanStep
  | MacvlanStep
  | DummyStep
  | NetkitStep
  | BondStep
  | IpvlanStep
  | TunnelStep
  | FilterStep
  | TunStep
  | WatchStep
  | LedgerStep
  | CloseStep
  | SendStep
  | TapStep
  | UntapStep
  | RenameStep
  | SetStep
  | MoveStep;

/** All that happens in a round, in order. It is plain JSON. */
export interface World {
  readonly seed: number;
  readonly steps: readonly Step[];
}
