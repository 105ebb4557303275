import type { EthernetFrame } from '../../lib/index.ts';
import { B } from './drop-scene.ts';

/** Who sends the frames of the tests. */
export const SENDER = '00:00:5e:00:53:01';

/** Nobody's MAC address. */
export const STRANGER = '00:00:5e:00:53:99';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** An EtherType that nobody handles. */
export const UNKNOWN_TYPE = 0x4321;

/** A frame to `b` that nobody handles, but for what `change` says. */
export function unknownFrame(change: Partial<EthernetFrame> = {}): EthernetFrame {
  return { source: SENDER, destination: B, etherType: UNKNOWN_TYPE, ...change };
}

/** An IEEE 802.3 frame: its type field is a length, and what follows is LLC. */
export function llcFrame(destination: string, llc: readonly number[]): Uint8Array {
  const header = Buffer.from(`${destination}:${SENDER}`.replaceAll(':', ''), 'hex');
  const frame = Buffer.concat([header, Buffer.from([0, 46]), Buffer.from(llc)]);
  return Buffer.concat([frame], 60);
}

/** An IPv4 packet. */
export interface Ipv4Packet {
  /** Default: 198.51.100.1, to which there is no route. */
  readonly source?: string;
  readonly destination: string;
  readonly protocol?: number;
  readonly version?: number;
  /** Added to the header's checksum. */
  readonly checksumError?: number;
  readonly payload?: Uint8Array;
}

/** IPv4 to `b`, but for what `change` says of the frame. */
export function ipv4Frame(packet: Ipv4Packet, change: Partial<EthernetFrame> = {}): EthernetFrame {
  return unknownFrame({ etherType: 0x0800, payload: encodeIpv4(packet), ...change });
}

/** A UDP datagram, without checksum. RFC 768. */
export function udpDatagram(port: number, data = new Uint8Array(8)): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(port, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(header.length + data.length, 4);
  return Buffer.concat([header, data]);
}

/** RFC 791, 3.1. */
function encodeIpv4({
  source = '198.51.100.1',
  destination,
  protocol = 17,
  version = 4,
  checksumError = 0,
  payload = new Uint8Array(0),
}: Ipv4Packet): Uint8Array {
  const header = Buffer.alloc(20);
  header[0] = (version << 4) | (header.length / 4);
  header.writeUInt16BE(header.length + payload.length, 2);
  header[8] = 64;
  header[9] = protocol;
  header.set(source.split('.').map(Number), 12);
  header.set(destination.split('.').map(Number), 16);
  header.writeUInt16BE((checksum(header) + checksumError) & 0xffff, 10);
  return Buffer.concat([header, payload]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
