import { invalidArgument } from '../../errors.ts';
import { bytesLength, put16, put32, uint } from './fields.ts';
import { checksumOf, sumWords } from './internet-checksum.ts';

/** From bit 0 on: RFC 9293, 3.1. */
const FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'] as const;

/** A control bit of TCP. */
export type TcpFlag = (typeof FLAGS)[number];

/** A TCP segment: RFC 9293. */
export interface TcpSegment {
  /** 0 to 65535, and so is the next. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 32 bits. Default: 0, and so is that of the next. */
  readonly sequence?: number | undefined;
  readonly acknowledgment?: number | undefined;
  /** Default: none. */
  readonly flags?: readonly TcpFlag[] | undefined;
  /** Default: 65535. */
  readonly window?: number | undefined;
  /** Default: 0. */
  readonly urgentPointer?: number | undefined;
  /** At most 40 bytes; filled up with zeros to a multiple of 4. Default: none. */
  readonly options?: Uint8Array | undefined;
  /** Length of header and options in words of 4 bytes, 0 to 15. Default: the right one. */
  readonly dataOffset?: number | undefined;
  /** Default: the right one. */
  readonly checksum?: number | undefined;
  /** Default: nothing. */
  readonly payload?: Uint8Array | undefined;
}

const HEADER_LENGTH = 20;
const MOST_OPTIONS = 40;

/** How many bytes `writeTcp` writes. */
export function tcpLength(tcp: TcpSegment, argument: string): number {
  return headerLength(tcp, argument) + bytesLength(tcp.payload, argument, 'payload');
}

/** Writes a segment at `into[offset]`. `pseudoHeader`: the sum of the words of that. */
export function writeTcp(
  tcp: TcpSegment,
  into: Uint8Array,
  offset: number,
  length: number,
  pseudoHeader: number,
  argument: string,
): void {
  const header = headerLength(tcp, argument);
  const dataOffset = uint(tcp.dataOffset ?? header / 4, 4, argument, 'dataOffset');
  put16(into, offset, uint(tcp.sourcePort, 16, argument, 'sourcePort'));
  put16(into, offset + 2, uint(tcp.destinationPort, 16, argument, 'destinationPort'));
  put32(into, offset + 4, uint(tcp.sequence ?? 0, 32, argument, 'sequence'));
  put32(into, offset + 8, uint(tcp.acknowledgment ?? 0, 32, argument, 'acknowledgment'));
  put16(into, offset + 12, (dataOffset << 12) | flagBits(tcp.flags ?? [], argument));
  put16(into, offset + 14, uint(tcp.window ?? 0xffff, 16, argument, 'window'));
  put16(into, offset + 16, 0);
  put16(into, offset + 18, uint(tcp.urgentPointer ?? 0, 16, argument, 'urgentPointer'));
  into.fill(0, offset + HEADER_LENGTH, offset + header);
  if (tcp.options !== undefined) into.set(tcp.options, offset + HEADER_LENGTH);
  if (tcp.payload !== undefined) into.set(tcp.payload, offset + header);
  const right = () => checksumOf(pseudoHeader + sumWords(into, offset, offset + length));
  put16(into, offset + 16, uint(tcp.checksum ?? right(), 16, argument, 'checksum'));
}

function headerLength({ options }: TcpSegment, argument: string): number {
  const length = bytesLength(options, argument, 'options');
  if (length <= MOST_OPTIONS) return HEADER_LENGTH + 4 * Math.ceil(length / 4);
  throw invalidArgument(`${argument}.options`, `at most ${MOST_OPTIONS} bytes`, options);
}

function flagBits(flags: readonly TcpFlag[], argument: string): number {
  if (!Array.isArray(flags)) throw invalidArgument(`${argument}.flags`, 'a list', flags);
  let bits = 0;
  for (const flag of flags) {
    const number = FLAGS.indexOf(flag);
    if (number < 0) throw invalidArgument(`${argument}.flags`, FLAGS.join(', '), flag);
    bits |= 1 << number;
  }
  return bits;
}
