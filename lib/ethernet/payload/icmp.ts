import { bytesLength, put16, uint } from './fields.ts';
import { checksumOf, sumWords } from './internet-checksum.ts';

/** An ICMP message: RFC 792; in IPv6, of ICMPv6: RFC 4443. */
export interface IcmpMessage {
  /** 8 (ICMP) and 128 (ICMPv6) ask for an echo. */
  readonly type: number;
  /** Default: 0. */
  readonly code?: number | undefined;
  /** Of an echo; of other types, what they have in bytes 4 and 5. 16 bits. Default: 0. */
  readonly identifier?: number | undefined;
  /** Of an echo; of other types, what they have in bytes 6 and 7. 16 bits. Default: 0. */
  readonly sequence?: number | undefined;
  /** Default: the right one. */
  readonly checksum?: number | undefined;
  /** From byte 8 on. Default: nothing. */
  readonly payload?: Uint8Array | undefined;
}

const HEADER_LENGTH = 8;

/** How many bytes `writeIcmp` writes. */
export function icmpLength({ payload }: IcmpMessage, argument: string): number {
  return HEADER_LENGTH + bytesLength(payload, argument, 'payload');
}

/** Writes a message at `into[offset]`. `pseudoHeader`: the sum of the words of that; 0 in IPv4. */
export function writeIcmp(
  icmp: IcmpMessage,
  into: Uint8Array,
  offset: number,
  length: number,
  pseudoHeader: number,
  argument: string,
): void {
  into[offset] = uint(icmp.type, 8, argument, 'type');
  into[offset + 1] = uint(icmp.code ?? 0, 8, argument, 'code');
  put16(into, offset + 2, 0);
  put16(into, offset + 4, uint(icmp.identifier ?? 0, 16, argument, 'identifier'));
  put16(into, offset + 6, uint(icmp.sequence ?? 0, 16, argument, 'sequence'));
  if (icmp.payload !== undefined) into.set(icmp.payload, offset + HEADER_LENGTH);
  const right = () => checksumOf(pseudoHeader + sumWords(into, offset, offset + length));
  put16(into, offset + 2, uint(icmp.checksum ?? right(), 16, argument, 'checksum'));
}
