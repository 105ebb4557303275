import { atMost, put16, put32, uint } from './fields.ts';
import { sumWords } from './internet-checksum.ts';
import { IPV6_LENGTH, writeIpv6Address } from './ip-address.ts';
import { type IpContent, ipContentLength, kindOf, writeIpContent } from './ip-content.ts';

/** An IPv6 packet: RFC 8200. Its `icmp` is ICMPv6. Extension headers go into `payload`. */
export interface Ipv6Packet extends IpContent {
  readonly source: string;
  readonly destination: string;
  /** 4 bits. Default: 6. */
  readonly version?: number | undefined;
  /** 0 to 255. Default: 0. */
  readonly trafficClass?: number | undefined;
  /** 20 bits. Default: 0. */
  readonly flowLabel?: number | undefined;
  /** Bytes of the content. Default: so many as there are. */
  readonly payloadLength?: number | undefined;
  /** Default: what it carries: 17, 6 or 58; of a `payload` 253, and of nothing 59. */
  readonly nextHeader?: number | undefined;
  /** 0 to 255. Default: 64. */
  readonly hopLimit?: number | undefined;
}

const HEADER_LENGTH = 40;
const NEXT_HEADERS = { udp: 17, tcp: 6, icmp: 58, payload: 253, nothing: 59 } as const;

/** How many bytes `writeIpv6` writes. */
export function ipv6Length(packet: Ipv6Packet, argument: string): number {
  const content = ipContentLength(packet, argument);
  if (packet.payloadLength === undefined) atMost(0xffff, content, argument);
  return HEADER_LENGTH + content;
}

/** Writes a packet at `into[offset]`. */
export function writeIpv6(
  packet: Ipv6Packet,
  into: Uint8Array,
  offset: number,
  length: number,
  argument: string,
): void {
  const rest = length - HEADER_LENGTH;
  const nextHeader = NEXT_HEADERS[kindOf(packet, argument) ?? 'nothing'];
  const version = uint(packet.version ?? 6, 4, argument, 'version');
  const trafficClass = uint(packet.trafficClass ?? 0, 8, argument, 'trafficClass');
  const flowLabel = uint(packet.flowLabel ?? 0, 20, argument, 'flowLabel');
  put32(into, offset, (version << 28) | (trafficClass << 20) | flowLabel);
  put16(into, offset + 4, uint(packet.payloadLength ?? rest, 16, argument, 'payloadLength'));
  into[offset + 6] = uint(packet.nextHeader ?? nextHeader, 8, argument, 'nextHeader');
  into[offset + 7] = uint(packet.hopLimit ?? 64, 8, argument, 'hopLimit');
  const addresses = offset + 8;
  writeIpv6Address(packet.source, into, addresses, argument, 'source');
  writeIpv6Address(packet.destination, into, addresses + IPV6_LENGTH, argument, 'destination');

  const sum = sumWords(into, addresses, addresses + 2 * IPV6_LENGTH) + nextHeader + rest;
  const pseudoHeader = { transport: sum, icmp: sum };
  writeIpContent(packet, into, offset + HEADER_LENGTH, rest, pseudoHeader, argument);
}
