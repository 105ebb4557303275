import { invalidArgument } from '../../errors.ts';
import { atMost, bit, bytesLength, put16, uint } from './fields.ts';
import { checksumOf, sumWords } from './internet-checksum.ts';
import { IPV4_LENGTH, writeIpv4Address } from './ip-address.ts';
import { type IpContent, ipContentLength, kindOf, writeIpContent } from './ip-content.ts';

/** An IPv4 packet: RFC 791. */
export interface Ipv4Packet extends IpContent {
  readonly source: string;
  readonly destination: string;
  /** 4 bits. Default: 4. */
  readonly version?: number | undefined;
  /** Length of header and options in words of 4 bytes, 0 to 15. Default: the right one. */
  readonly headerLength?: number | undefined;
  /** Differentiated services code point, 0 to 63. Default: 0. */
  readonly dscp?: number | undefined;
  /** Explicit congestion notification, 0 to 3. Default: 0. */
  readonly ecn?: number | undefined;
  /** Bytes of header and content. Default: so many as there are. */
  readonly totalLength?: number | undefined;
  /** 16 bits. Default: 0. */
  readonly identification?: number | undefined;
  /** The flag that must be 0. Default: false, and so is that of the next two. */
  readonly reserved?: boolean | undefined;
  readonly dontFragment?: boolean | undefined;
  readonly moreFragments?: boolean | undefined;
  /** In units of 8 bytes, 0 to 8191. Default: 0. */
  readonly fragmentOffset?: number | undefined;
  /** Time to live, 0 to 255. Default: 64. */
  readonly ttl?: number | undefined;
  /** Default: what it carries: 17, 6 or 1; otherwise 253, which is for experiments (RFC 3692). */
  readonly protocol?: number | undefined;
  /** Of the header. Default: the right one. */
  readonly checksum?: number | undefined;
  /** At most 40 bytes; filled up with zeros to a multiple of 4. Default: none. */
  readonly options?: Uint8Array | undefined;
}

const HEADER_LENGTH = 20;
const MOST_OPTIONS = 40;
const PROTOCOLS = { udp: 17, tcp: 6, icmp: 1, payload: 253 } as const;

/** How many bytes `writeIpv4` writes. */
export function ipv4Length(packet: Ipv4Packet, argument: string): number {
  const length = headerLength(packet, argument) + ipContentLength(packet, argument);
  return packet.totalLength === undefined ? atMost(0xffff, length, argument) : length;
}

/** Writes a packet at `into[offset]`. */
export function writeIpv4(
  packet: Ipv4Packet,
  into: Uint8Array,
  offset: number,
  length: number,
  argument: string,
): void {
  const header = headerLength(packet, argument);
  const protocol = PROTOCOLS[kindOf(packet, argument) ?? 'payload'];
  const words = uint(packet.headerLength ?? header / 4, 4, argument, 'headerLength');
  const dscp = uint(packet.dscp ?? 0, 6, argument, 'dscp');
  into[offset] = (uint(packet.version ?? 4, 4, argument, 'version') << 4) | words;
  into[offset + 1] = (dscp << 2) | uint(packet.ecn ?? 0, 2, argument, 'ecn');
  put16(into, offset + 2, uint(packet.totalLength ?? length, 16, argument, 'totalLength'));
  put16(into, offset + 4, uint(packet.identification ?? 0, 16, argument, 'identification'));
  put16(into, offset + 6, flagsAndOffset(packet, argument));
  into[offset + 8] = uint(packet.ttl ?? 64, 8, argument, 'ttl');
  into[offset + 9] = uint(packet.protocol ?? protocol, 8, argument, 'protocol');
  put16(into, offset + 10, 0);
  const addresses = offset + 12;
  writeIpv4Address(packet.source, into, addresses, argument, 'source');
  writeIpv4Address(packet.destination, into, addresses + IPV4_LENGTH, argument, 'destination');
  into.fill(0, offset + HEADER_LENGTH, offset + header);
  if (packet.options !== undefined) into.set(packet.options, offset + HEADER_LENGTH);
  const right = () => checksumOf(sumWords(into, offset, offset + header));
  put16(into, offset + 10, uint(packet.checksum ?? right(), 16, argument, 'checksum'));

  const rest = length - header;
  const transport = sumWords(into, addresses, addresses + 2 * IPV4_LENGTH) + protocol + rest;
  writeIpContent(packet, into, offset + header, rest, { transport, icmp: 0 }, argument);
}

function headerLength({ options }: Ipv4Packet, argument: string): number {
  const length = bytesLength(options, argument, 'options');
  if (length <= MOST_OPTIONS) return HEADER_LENGTH + 4 * Math.ceil(length / 4);
  throw invalidArgument(`${argument}.options`, `at most ${MOST_OPTIONS} bytes`, options);
}

function flagsAndOffset(packet: Ipv4Packet, argument: string): number {
  const { reserved = false, dontFragment = false, moreFragments = false } = packet;
  return (
    (bit(reserved, argument, 'reserved') << 15) |
    (bit(dontFragment, argument, 'dontFragment') << 14) |
    (bit(moreFragments, argument, 'moreFragments') << 13) |
    uint(packet.fragmentOffset ?? 0, 13, argument, 'fragmentOffset')
  );
}
