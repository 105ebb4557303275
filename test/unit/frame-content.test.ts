import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { composeFrame, encodeFrame } from '../../lib/ethernet/frame.ts';
import { checksumOf, sumWords } from '../../lib/ethernet/payload/internet-checksum.ts';

const ADDRESSES = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const HOSTS = { source: '192.0.2.1', destination: '192.0.2.2' };
const HOSTS6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const UDP = { sourcePort: 1, destinationPort: 2 };
const TCP = { sourcePort: 1, destinationPort: 2 };
const ARP = { senderMac: '00:00:5e:00:53:01', senderIp: '192.0.2.1', targetIp: '192.0.2.2' };
const LLDP = { chassisId: '00:00:5e:00:53:01', portId: 'eth0' };

/** What composeFrame throws for a frame that the types do not allow. */
function refusal(frame: object): unknown {
  try {
    Reflect.apply(composeFrame, undefined, [{ ...ADDRESSES, ...frame }]);
  } catch (error) {
    return error;
  }
  return undefined;
}

function hex(frame: object, start = 0, end = 2000): string {
  const bytes: Uint8Array = Reflect.apply(composeFrame, undefined, [{ ...ADDRESSES, ...frame }]);
  return Buffer.from(bytes).toString('hex', start, Math.min(end, bytes.length));
}

describe('composeFrame', () => {
  it('gives a frame of just its length', () => {
    expect(composeFrame({ ...ADDRESSES, etherType: 0x4321 })).toHaveLength(60);
    const payload = new Uint8Array(100);
    expect(composeFrame({ ...ADDRESSES, ipv4: { ...HOSTS, payload } })).toHaveLength(14 + 20 + 100);
  });

  it('pads a frame with two tags to 68 bytes, the outer tag that of 802.1ad', () => {
    const frame = { vlan: [{ id: 5 }, { id: 6 }], etherType: 0x4321 };
    expect(hex(frame, 12)).toBe(`88a80005${'81000006'}4321${'00'.repeat(46)}`);
    const customer = { vlan: [{ id: 5, protocol: 0x8100 }, { id: 6 }], etherType: 0x4321 };
    expect(hex(customer, 12, 20)).toBe('8100000581000006');
  });

  it('takes the EtherType that is given before that of the content', () => {
    expect(hex({ ipv4: HOSTS }, 12, 14)).toBe('0800');
    expect(hex({ ipv4: HOSTS, etherType: 0x4321 }, 12, 14)).toBe('4321');
  });

  it('says what a packet carries, also where it is nothing or anything', () => {
    const protocol = (ipv4: object) =>
      Number.parseInt(hex({ ipv4: { ...HOSTS, ...ipv4 } }, 23, 24), 16);
    expect(
      [{ udp: UDP }, { tcp: TCP }, { icmp: { type: 8 } }, {}, { protocol: 7 }].map(protocol),
    ).toEqual([17, 6, 1, 253, 7]);
    const next = (ipv6: object) =>
      Number.parseInt(hex({ ipv6: { ...HOSTS6, ...ipv6 } }, 20, 21), 16);
    const payload = new Uint8Array(1);
    expect([{ udp: UDP }, { tcp: TCP }, { icmp: { type: 8 } }, {}, { payload }].map(next)).toEqual([
      17, 6, 58, 59, 253,
    ]);
  });

  it('writes a length, without padding, before LLC', () => {
    expect(hex({ llc: { dsap: 0x42, ssap: 0x42, payload: new Uint8Array(4) } }, 12, 18)).toBe(
      '000742420300',
    );
  });

  it('writes 16 bits of LLC control where it numbers its frames', () => {
    expect(hex({ llc: { dsap: 2, ssap: 3, control: 0x0102 } }, 12, 18)).toBe('000402030102');
  });

  it('sends a UDP checksum of 0 as 0xffff, for 0 says that there is none', () => {
    // The words of the header and of the pseudo-header sum up to 0xffff with this port.
    const frame = (sourcePort: number) => ({
      ipv4: { source: '0.0.0.0', destination: '0.0.0.0', udp: { sourcePort, destinationPort: 0 } },
    });
    expect(hex(frame(0xffff - 17 - 8 - 8), 40, 42)).toBe('ffff');
  });

  it('wants a source, for there is no interface', () => {
    expect(() => composeFrame({ destination: ADDRESSES.destination, etherType: 0x4321 })).toThrow(
      'Expected a MAC address for frame.source but received undefined. Here is no interface.',
    );
  });

  it('needs an EtherType where the content does not say it', () => {
    expect(refusal({ payload: new Uint8Array(1) })).toMatchObject({ argument: 'frame.etherType' });
  });

  it.each<[string, object]>([
    ['frame', { ipv4: HOSTS, arp: ARP }],
    ['frame', { ipv4: HOSTS, payload: new Uint8Array(1) }],
    ['frame.ipv4', { ipv4: null }],
    ['frame.ipv4', { ipv4: { ...HOSTS, udp: UDP, tcp: TCP } }],
    ['frame.ipv4.source', { ipv4: { ...HOSTS, source: '192.0.2' } }],
    ['frame.ipv4.source', { ipv4: { ...HOSTS, source: '2001:db8::1' } }],
    ['frame.ipv4.destination', { ipv4: { source: '192.0.2.1' } }],
    ['frame.ipv4.ttl', { ipv4: { ...HOSTS, ttl: 256 } }],
    ['frame.ipv4', { ipv4: { ...HOSTS, payload: new Uint8Array(65_516) } }],
    ['frame.ipv6', { ipv6: { ...HOSTS6, payload: new Uint8Array(65_536) } }],
    ['frame.ipv4.udp', { ipv4: { ...HOSTS, udp: null } }],
    ['frame.ipv4.source', { ipv4: { ...HOSTS, source: ['192.0.2.1'] } }],
    ['frame.ipv6.source', { ipv6: { ...HOSTS6, source: ['2001:db8::1'] } }],
    ['frame.llc', { llc: { dsap: 1, ssap: 1, payload: new Uint8Array(1498) } }],
    ['frame.llc.length', { etherType: 0x4321, llc: { dsap: 1, ssap: 1, length: 'x' } }],
    [
      'frame.lldp.chassisId',
      { lldp: { ...LLDP, chassisId: { subtype: 7, value: new Uint8Array(500_000) } } },
    ],
    ['frame.ipv4.options', { ipv4: { ...HOSTS, options: new Uint8Array(41) } }],
    ['frame.ipv4.dontFragment', { ipv4: { ...HOSTS, dontFragment: 1 } }],
    ['frame.ipv4.payload', { ipv4: { ...HOSTS, payload: 'hello' } }],
    ['frame.ipv4.udp', { ipv4: { ...HOSTS, udp: 7 } }],
    ['frame.ipv4.udp.sourcePort', { ipv4: { ...HOSTS, udp: { destinationPort: 2 } } }],
    [
      'frame.ipv4.udp.destinationPort',
      { ipv4: { ...HOSTS, udp: { ...UDP, destinationPort: -1 } } },
    ],
    ['frame.ipv4.udp.payload', { ipv4: { ...HOSTS, udp: { ...UDP, payload: [1] } } }],
    ['frame.ipv4.tcp.flags', { ipv4: { ...HOSTS, tcp: { ...TCP, flags: 'syn' } } }],
    ['frame.ipv4.tcp.flags', { ipv4: { ...HOSTS, tcp: { ...TCP, flags: ['SYN'] } } }],
    [
      'frame.ipv4.tcp.options',
      { ipv4: { ...HOSTS, tcp: { ...TCP, options: new Uint8Array(41) } } },
    ],
    ['frame.ipv4.icmp.type', { ipv4: { ...HOSTS, icmp: {} } }],
    ['frame.ipv6.source', { ipv6: { ...HOSTS6, source: 'fe80::1%eth0' } }],
    ['frame.ipv6.flowLabel', { ipv6: { ...HOSTS6, flowLabel: 2 ** 20 } }],
    ['frame.arp.senderMac', { arp: { ...ARP, senderMac: undefined } }],
    ['frame.arp.targetIp', { arp: { ...ARP, targetIp: 'localhost' } }],
    ['frame.llc.dsap', { llc: { ssap: 1 } }],
    ['frame.llc.control', { llc: { snap: { type: 1 }, control: 0x10000 } }],
    ['frame.llc.snap', { llc: { snap: 5 } }],
    ['frame.llc.snap.type', { llc: { snap: {} } }],
    ['frame.lldp.chassisId', { lldp: { ...LLDP, chassisId: 'eth0' } }],
    ['frame.lldp.chassisId', { lldp: { ...LLDP, chassisId: undefined } }],
    ['frame.lldp.portId.value', { lldp: { ...LLDP, portId: { subtype: 7 } } }],
    ['frame.lldp.portId', { lldp: { ...LLDP, portId: 'x'.repeat(511) } }],
    ['frame.lldp.systemName', { lldp: { ...LLDP, systemName: 5 } }],
    ['frame.lldp.tlvs', { lldp: { ...LLDP, tlvs: {} } }],
    [
      'frame.lldp.tlvs[0].type',
      { lldp: { ...LLDP, tlvs: [{ type: 128, value: new Uint8Array() }] } },
    ],
    ['frame.lldp.tlvs[0].value', { lldp: { ...LLDP, tlvs: [{ type: 127 }] } }],
    ['frame.vlan[1].id', { etherType: 0x4321, vlan: [{ id: 1 }, { id: 4096 }] }],
    ['frame.vlan[0]', { etherType: 0x4321, vlan: [5] }],
  ])('refuses a bad %s: %o', (argument, frame) => {
    expect(refusal(frame)).toMatchObject({
      name: 'ArgumentError',
      argument,
      message: expect.stringMatching(/^Expected .+ for frame.* but received .+\./),
    });
  });
});

it('writes into a buffer that was used before what it writes into an empty one', () => {
  const frame = {
    ...ADDRESSES,
    ipv4: {
      ...HOSTS,
      options: new Uint8Array(1),
      tcp: { ...TCP, options: new Uint8Array(1), payload: new Uint8Array(3) },
    },
  };
  const used = new Uint8Array(200).fill(0xee);
  const length = encodeFrame(frame, used, 7, () => new Uint8Array(6));
  expect(used.slice(7, 7 + length)).toEqual(composeFrame(frame));
});

it('sums up words as RFC 1071 does, whatever their number', () => {
  // RFC 1071, 3: the sum of these is ddf2 and two carries.
  const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(checksumOf(sumWords(example, 0, 8))).toBe(0xffff - 0xddf2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const even = bytes.length % 2 === 0 ? bytes : Uint8Array.of(...bytes, 0);
      const sum = checksumOf(sumWords(bytes, 0, bytes.length));
      const whole = Uint8Array.of(...even, sum >> 8, sum & 0xff);
      // With its own checksum every sum is 0xffff, or 0 where all was 0.
      expect(checksumOf(sumWords(whole, 0, whole.length))).toBe(0);
    }),
  );
});
