import type { EthernetFrame } from '../ethernet/frame.ts';

export type ScenarioName =
  | 'unknown-ethertype'
  | 'lldp'
  | 'pause'
  | 'eapol'
  | 'ptp'
  | 'vlan-priority'
  | 'vlan-unknown'
  | 'vlan-ip'
  | 'otherhost'
  | 'bad-ip-checksum'
  | 'bad-ip-version'
  | 'not-for-us'
  | 'martian'
  | 'reverse-path'
  | 'ip-protocol'
  | 'no-socket'
  | 'ipv6-disabled'
  | 'stp'
  | 'cdp'
  | 'runt'
  | 'oversize';

/** A frame, and what Linux does with it when it receives it. */
export interface Scenario {
  /** What it is, and what should happen to it, in a sentence. */
  readonly what: string;
  /** Without a source: that of the interface it is sent on. */
  readonly frame: EthernetFrame;
  /** The link counter that the drop moves; undefined: none. */
  readonly counter?: 'rx_dropped' | 'rx_otherhost_dropped';
  /** The kernel's reason, as newer kernels have it. */
  readonly reason: string;
  /** The function that drops it; undefined: it depends on what the kernel has loaded. */
  readonly location?: string;
}

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** RFC 7042, 2.1.2: nobody has it. */
const NOBODY = '00:00:5e:00:53:ff';

/** RFC 5737: for documentation. */
const HOSTS = { source: '192.0.2.1', destination: '192.0.2.2' };
const ELSEWHERE = '203.0.113.1';
const DATAGRAM = { sourcePort: 40_000, destinationPort: 40_001 };
const IPV4 = { ipv4: { ...HOSTS, udp: DATAGRAM } };

const UNHANDLED = {
  counter: 'rx_dropped',
  reason: 'UNHANDLED_PROTO',
  location: '__netif_receive_skb_core',
} as const;
const OTHERHOST = {
  counter: 'rx_otherhost_dropped',
  reason: 'OTHERHOST',
  location: 'ip_rcv_core',
} as const;

/**
 * Frames that a receiver drops where nothing is set up to take them. Where one has to be set up in some way,
 * `what` says so.
 */
export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  'unknown-ethertype': {
    what: 'An EtherType that nobody handles raises rx_dropped.',
    frame: { destination: BROADCAST, etherType: 0x4321 },
    ...UNHANDLED,
  },
  lldp: {
    what: 'LLDP, as switches send it, raises rx_dropped where no LLDP agent listens.',
    frame: {
      destination: '01:80:c2:00:00:0e',
      lldp: { chassisId: '00:00:5e:00:53:00', portId: 'dropscope' },
    },
    ...UNHANDLED,
  },
  pause: {
    what: 'A PAUSE frame that the network card lets through raises rx_dropped.',
    // IEEE 802.3, 31B: opcode 1, then for how long.
    frame: {
      destination: '01:80:c2:00:00:01',
      etherType: 0x8808,
      payload: Uint8Array.of(0, 1, 0, 0),
    },
    ...UNHANDLED,
  },
  eapol: {
    what: 'EAPOL-Start (802.1X) raises rx_dropped where no supplicant listens.',
    frame: {
      destination: '01:80:c2:00:00:03',
      etherType: 0x888e,
      payload: Uint8Array.of(2, 1, 0, 0),
    },
    ...UNHANDLED,
  },
  ptp: {
    what: 'PTP over Ethernet (IEEE 1588) raises rx_dropped where no ptp4l listens.',
    frame: { destination: '01:1b:19:00:00:00', etherType: 0x88f7, payload: new Uint8Array(44) },
    ...UNHANDLED,
  },
  'vlan-priority': {
    what: 'A priority tag before an EtherType that nobody handles raises rx_dropped.',
    frame: { destination: BROADCAST, vlan: { id: 0, priority: 5 }, etherType: 0x4321 },
    ...UNHANDLED,
  },
  'vlan-unknown': {
    what: 'A VLAN without a device, with an EtherType that nobody handles, raises rx_dropped.',
    frame: { destination: BROADCAST, vlan: { id: 99 }, etherType: 0x4321 },
    ...UNHANDLED,
  },
  'vlan-ip': {
    what: 'IPv4 in a VLAN without a device counts as for another host: rx_otherhost_dropped.',
    frame: { destination: BROADCAST, vlan: { id: 99 }, ...IPV4 },
    ...OTHERHOST,
  },
  otherhost: {
    what: 'IPv4 to the MAC address of another host raises rx_otherhost_dropped.',
    frame: { destination: NOBODY, ...IPV4 },
    ...OTHERHOST,
  },
  'bad-ip-checksum': {
    what: 'A wrong checksum in the IPv4 header moves no link counter.',
    frame: { destination: BROADCAST, ipv4: { ...HOSTS, udp: DATAGRAM, checksum: 0xbad } },
    reason: 'IP_CSUM',
    location: 'ip_rcv_core',
  },
  'bad-ip-version': {
    what: 'A wrong version in the IPv4 header moves no link counter.',
    frame: { destination: BROADCAST, ipv4: { ...HOSTS, udp: DATAGRAM, version: 5 } },
    reason: 'IP_INHDR',
    location: 'ip_rcv_core',
  },
  'not-for-us': {
    what: 'IPv4 to an address that the receiver has not, and does not forward to, moves no link counter.',
    frame: {
      destination: BROADCAST,
      ipv4: { source: HOSTS.source, destination: ELSEWHERE, udp: DATAGRAM },
    },
    reason: 'IP_INADDRERRORS',
    location: 'ip_error',
  },
  martian: {
    what: 'IPv4 from outside to a loopback address moves no link counter.',
    frame: {
      destination: BROADCAST,
      ipv4: { source: HOSTS.source, destination: '127.0.0.1', udp: DATAGRAM },
    },
    reason: 'IP_LOCALNET',
    location: 'ip_rcv_finish_core',
  },
  'reverse-path': {
    what: 'IPv4 from where the receiver has no route back moves no link counter, where rp_filter is set.',
    frame: {
      destination: BROADCAST,
      ipv4: { source: ELSEWHERE, destination: HOSTS.destination, udp: DATAGRAM },
    },
    reason: 'IP_RPFILTER',
    location: 'ip_rcv_finish_core',
  },
  'ip-protocol': {
    what: 'IPv4 of a protocol that nobody handles, to a receiver that has 192.0.2.2, moves no link counter.',
    // RFC 3692: for experiments.
    frame: { destination: BROADCAST, ipv4: { ...HOSTS, protocol: 253 } },
    reason: 'IP_NOPROTO',
    location: 'ip_local_deliver_finish',
  },
  'no-socket': {
    what: 'UDP to a port without socket, to a receiver that has 192.0.2.2, moves no link counter.',
    frame: { destination: BROADCAST, ...IPV4 },
    reason: 'NO_SOCKET',
    location: '__udp4_lib_rcv',
  },
  'ipv6-disabled': {
    what: 'IPv6 to a receiver where it is disabled (disable_ipv6) moves no link counter.',
    frame: {
      destination: '33:33:00:00:00:01',
      ipv6: { source: '2001:db8::1', destination: 'ff02::1', udp: DATAGRAM },
    },
    reason: 'IPV6DISABLED',
    location: 'ip6_rcv_core',
  },
  stp: {
    what: 'A BPDU of the Spanning Tree Protocol to a port of no bridge moves no link counter where LLC is loaded; elsewhere it raises rx_dropped.',
    frame: {
      destination: '01:80:c2:00:00:00',
      llc: { dsap: 0x42, ssap: 0x42, payload: new Uint8Array(35) },
    },
    reason: 'NOT_SPECIFIED',
  },
  cdp: {
    what: 'CDP, as Cisco switches send it, moves no link counter where LLC is loaded; elsewhere it raises rx_dropped.',
    frame: {
      destination: '01:00:0c:cc:cc:cc',
      llc: { snap: { oui: 0x00000c, type: 0x2000 }, payload: Uint8Array.of(2, 180, 0, 0) },
    },
    reason: 'NOT_SPECIFIED',
  },
  runt: {
    what: 'A header alone, without padding, raises rx_dropped where no network card drops it before.',
    frame: { destination: BROADCAST, etherType: 0x4321, pad: false },
    ...UNHANDLED,
  },
  oversize: {
    what: 'A frame of one byte more than an MTU of 1500 and a VLAN tag have room for raises rx_dropped of a veth device with that MTU, and tx_dropped of its peer, which must have a greater one.',
    frame: { destination: BROADCAST, etherType: 0x4321, payload: new Uint8Array(1505) },
    counter: 'rx_dropped',
    reason: 'NOT_SPECIFIED',
  },
};
