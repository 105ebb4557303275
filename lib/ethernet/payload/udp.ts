import { bytesLength, put16, uint } from './fields.ts';
import { checksumOf, sumWords } from './internet-checksum.ts';

/** A UDP datagram: RFC 768. */
export interface UdpDatagram {
  /** 0 to 65535, and so is the next. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Bytes of header and payload. Default: so many as there are. */
  readonly length?: number | undefined;
  /** Default: the right one. 0 says that there is none. */
  readonly checksum?: number | undefined;
  /** Default: nothing. */
  readonly payload?: Uint8Array | undefined;
}

const HEADER_LENGTH = 8;

/** How many bytes `writeUdp` writes. */
export function udpLength({ payload }: UdpDatagram, argument: string): number {
  return HEADER_LENGTH + bytesLength(payload, argument, 'payload');
}

/** Writes a datagram at `into[offset]`. `pseudoHeader`: the sum of the words of that. */
export function writeUdp(
  udp: UdpDatagram,
  into: Uint8Array,
  offset: number,
  length: number,
  pseudoHeader: number,
  argument: string,
): void {
  put16(into, offset, uint(udp.sourcePort, 16, argument, 'sourcePort'));
  put16(into, offset + 2, uint(udp.destinationPort, 16, argument, 'destinationPort'));
  put16(into, offset + 4, uint(udp.length ?? length, 16, argument, 'length'));
  put16(into, offset + 6, 0);
  if (udp.payload !== undefined) into.set(udp.payload, offset + HEADER_LENGTH);
  // 0 would say that there is none.
  const right = () => checksumOf(pseudoHeader + sumWords(into, offset, offset + length)) || 0xffff;
  put16(into, offset + 6, uint(udp.checksum ?? right(), 16, argument, 'checksum'));
}
