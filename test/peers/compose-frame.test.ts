import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composeFrame, type EthernetFrame } from '../../lib/index.ts';
import { complaints } from './tshark.ts';

const SCAPY = fileURLToPath(new URL('scapy_frames.py', import.meta.url));
const FRAMES = 20;

const bits = (count: number) => fc.integer({ min: 0, max: 2 ** count - 1 });
const bytes = fc.uint8Array({ maxLength: 70 });
const MAC = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((six) => Array.from(six, (byte) => byte.toString(16).padStart(2, '0')).join(':'));
const IPV4 = fc.ipV4();
const IPV6 = fc.ipV6();

/** Some have it, some not. */
function maybe<T extends object>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) {
  return fc.record(fields, { requiredKeys: [] });
}

function both<A extends object, B extends object>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) {
  return fc.tuple(a, b).map(([one, other]) => ({ ...one, ...other }));
}

/** Options that do nothing: RFC 791 and RFC 9293 say 1. */
const NOPS = bits(3).map((count) => new Uint8Array(count).fill(1));

const udp = both(
  fc.record({ sourcePort: bits(16), destinationPort: bits(16), payload: bytes }),
  maybe({ length: bits(16), checksum: bits(16) }),
);
const tcp = both(
  fc.record({
    sourcePort: bits(16),
    destinationPort: bits(16),
    sequence: bits(32),
    acknowledgment: bits(32),
    flags: fc.subarray(['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'] as const),
    window: bits(16),
    urgentPointer: bits(16),
    options: NOPS,
    payload: bytes,
  }),
  maybe({ dataOffset: bits(4), checksum: bits(16) }),
);
const echo = (...types: number[]) =>
  both(
    fc.record({ type: fc.constantFrom(...types), identifier: bits(16), sequence: bits(16) }),
    maybe({ code: bits(8), payload: bytes, checksum: bits(16) }),
  );
const ipv4 = both(
  fc.record({
    source: IPV4,
    destination: IPV4,
    identification: bits(16),
    ttl: bits(8),
    options: NOPS,
  }),
  maybe({
    version: bits(4),
    dscp: bits(6),
    ecn: bits(2),
    reserved: fc.boolean(),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    checksum: bits(16),
  }),
);
const ipv6 = both(
  fc.record({ source: IPV6, destination: IPV6, hopLimit: bits(8) }),
  maybe({ version: bits(4), trafficClass: bits(8), flowLabel: bits(20) }),
);
const arp = fc.record({
  operation: bits(16),
  senderMac: MAC,
  senderIp: IPV4,
  targetMac: MAC,
  targetIp: IPV4,
});
const tag = fc.record({ id: bits(12), priority: bits(3), dei: fc.boolean() });
const unnumbered = bits(6).map((control) => (control << 2) | 3);
const etherType = fc.integer({ min: 0x0600, max: 0xffff });
const inIpv4 = <T extends object>(content: fc.Arbitrary<T>) => both(ipv4, content);
const inIpv6 = <T extends object>(content: fc.Arbitrary<T>) => both(ipv6, content);
const udpInIpv4 = fc.record({ ipv4: inIpv4(fc.record({ udp })) });

/** Frames of each kind, without their addresses. */
const KINDS: Readonly<Record<string, fc.Arbitrary<Omit<EthernetFrame, 'destination'>>>> = {
  'an unknown EtherType': fc.record({ etherType, payload: bytes }),
  ARP: fc.record({ arp }),
  'UDP in IPv4': udpInIpv4,
  'TCP in IPv4': fc.record({ ipv4: inIpv4(fc.record({ tcp })) }),
  'ICMP in IPv4': fc.record({ ipv4: inIpv4(fc.record({ icmp: echo(0, 8) })) }),
  'a fragment of IPv4': fc.record({
    ipv4: inIpv4(
      fc.record({
        payload: bytes,
        protocol: bits(8),
        fragmentOffset: bits(13),
        headerLength: bits(4),
        totalLength: bits(16),
      }),
    ),
  }),
  'UDP in IPv6': fc.record({ ipv6: inIpv6(fc.record({ udp })) }),
  'TCP in IPv6': fc.record({ ipv6: inIpv6(fc.record({ tcp })) }),
  'ICMP in IPv6': fc.record({ ipv6: inIpv6(fc.record({ icmp: echo(128, 129) })) }),
  'anything in IPv6': fc.record({
    ipv6: inIpv6(fc.record({ payload: bytes, nextHeader: bits(8), payloadLength: bits(16) })),
  }),
  LLC: fc.record({
    llc: both(
      fc.record({ dsap: bits(8), ssap: bits(8), control: unnumbered, payload: bytes }),
      maybe({ length: fc.integer({ min: 0, max: 1500 }) }),
    ),
  }),
  SNAP: fc.record({
    llc: fc.record({ snap: fc.record({ oui: bits(24), type: bits(16) }), payload: bytes }),
  }),
  LLDP: fc.record({
    lldp: both(
      fc.record({ chassisId: MAC, portId: fc.constantFrom('eth0', 'swp17'), ttl: bits(16) }),
      maybe({ systemName: fc.constantFrom('a', 'leaf-12.example.net') }),
    ),
  }),
  'an 802.1Q tag': both(udpInIpv4, fc.record({ vlan: fc.tuple(tag) })),
  QinQ: both(udpInIpv4, fc.record({ vlan: fc.tuple(tag, tag) })),
};

describe.each(Object.entries(KINDS))('%s', (_, kind) => {
  it(`is composed as Scapy composes it, ${FRAMES} times at random`, () => {
    const whole = both(kind, fc.record({ source: MAC, destination: MAC }));
    const frames: EthernetFrame[] = fc.sample(whole, FRAMES);
    const own = frames.map((frame) => Buffer.from(composeFrame(frame)).toString('hex'));
    const described = frames.map((frame) => JSON.stringify(frame, bytesAsHex)).join('\n');
    const output = execFileSync('/usr/bin/python3', [SCAPY], { input: described });
    expect(own).toEqual(String(output).trimEnd().split('\n'));
  });
});

function bytesAsHex(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

const ADDRESSES = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const HOSTS = { source: '192.0.2.1', destination: '192.0.2.2' };
const HOSTS6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const PORTS = { sourcePort: 40_000, destinationPort: 40_001 };
const DATA = new Uint8Array(32).fill(0xa5);
const DATAGRAM = { ...PORTS, payload: DATA };
const SEGMENT = { ...PORTS, flags: ['psh', 'ack'], acknowledgment: 1, payload: DATA } as const;
const NEIGHBOUR = { chassisId: '00:00:5e:00:53:01', portId: 'eth0', systemName: 'leaf' };
const ASKS = { senderMac: '00:00:5e:00:53:01', senderIp: '192.0.2.1', targetIp: '192.0.2.2' };

const RIGHT: Readonly<Record<string, Omit<EthernetFrame, 'destination'>>> = {
  ARP: { arp: ASKS },
  'UDP in IPv4': { ipv4: { ...HOSTS, udp: DATAGRAM } },
  'TCP in IPv4': { ipv4: { ...HOSTS, tcp: SEGMENT } },
  'ICMP in IPv4': { ipv4: { ...HOSTS, icmp: { type: 0, payload: DATA } } },
  'UDP in IPv6': { ipv6: { ...HOSTS6, udp: DATAGRAM } },
  'TCP in IPv6': { ipv6: { ...HOSTS6, tcp: SEGMENT } },
  'ICMP in IPv6': { ipv6: { ...HOSTS6, icmp: { type: 129, payload: DATA } } },
  LLC: { llc: { dsap: 0x34, ssap: 0x34, payload: DATA } },
  SNAP: { llc: { snap: { type: 0x4321 }, payload: DATA } },
  LLDP: { lldp: NEIGHBOUR },
  'an 802.1Q tag': { vlan: { id: 5 }, ipv4: { ...HOSTS, udp: DATAGRAM } },
  QinQ: { vlan: [{ id: 5 }, { id: 6 }], ipv4: { ...HOSTS, udp: DATAGRAM } },
  'an unknown EtherType': { etherType: 0x4321, payload: DATA },
};

const WRONG: Readonly<
  Record<string, [frame: Omit<EthernetFrame, 'destination'>, complaint: string]>
> = {
  'header checksum': [{ ipv4: { ...HOSTS, checksum: 1, udp: DATAGRAM } }, 'Bad checksum'],
  'total length': [{ ipv4: { ...HOSTS, totalLength: 900, udp: DATAGRAM } }, 'IPv4 total length'],
  'header length': [{ ipv4: { ...HOSTS, headerLength: 4, udp: DATAGRAM } }, 'Bogus IP header'],
  'checksum of UDP': [{ ipv4: { ...HOSTS, udp: { ...DATAGRAM, checksum: 1 } } }, 'Bad checksum'],
  'length of UDP': [{ ipv4: { ...HOSTS, udp: { ...DATAGRAM, length: 7 } } }, 'Bad length'],
  'checksum of TCP': [{ ipv6: { ...HOSTS6, tcp: { ...SEGMENT, checksum: 1 } } }, 'Bad checksum'],
  'data offset': [{ ipv4: { ...HOSTS, tcp: { ...SEGMENT, dataOffset: 4 } } }, 'Bogus TCP header'],
  'checksum of ICMP': [{ ipv4: { ...HOSTS, icmp: { type: 0, checksum: 1 } } }, 'Bad checksum'],
  'payload length': [{ ipv6: { ...HOSTS6, payloadLength: 900, udp: DATAGRAM } }, 'IPv6 payload'],
  'length of LLC': [{ llc: { dsap: 0x34, ssap: 0x34, length: 900 } }, 'Length field value'],
};

describe('tshark', () => {
  it('has nothing to complain about in frames that are right', () => {
    const found = complaints(Object.values(RIGHT).map(compose));
    expect(labelled(RIGHT, found)).toEqual(
      labelled(
        RIGHT,
        Object.values(RIGHT).map(() => []),
      ),
    );
  });

  it('complains of what was made wrong, and of nothing else', () => {
    const found = complaints(Object.values(WRONG).map(([frame]) => compose(frame)));
    const expected = Object.values(WRONG).map(([, text]) => [expect.stringContaining(text)]);
    expect(labelled(WRONG, found)).toEqual(labelled(WRONG, expected));
  });
});

function compose(frame: Omit<EthernetFrame, 'destination'>): Uint8Array {
  return composeFrame({ ...ADDRESSES, ...frame });
}

function labelled<T>(names: object, values: readonly T[]): Record<string, T | undefined> {
  return Object.fromEntries(Object.keys(names).map((name, index) => [name, values[index]]));
}
