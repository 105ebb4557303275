import { constants } from 'node:os';

/** Messages of netlink(7), in host byte order: little-endian on every platform of the addon. */

// linux/netlink.h
const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const ATTRIBUTE_TYPE_MASK = 0x3fff;
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** linux/err.h */
const MAX_ERRNO = 4095;

/** A message without its length and port. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** A message as it is sent. */
export function encodeMessage({ type, flags, sequence, payload }: NetlinkMessage): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, payload]);
}

/** The messages in a datagram. One that is not whole ends them. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let rest = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  while (rest.length >= HEADER_BYTES) {
    const length = rest.readUInt32LE(0);
    if (length < HEADER_BYTES || length > rest.length) break;
    messages.push({
      type: rest.readUInt16LE(4),
      flags: rest.readUInt16LE(6),
      sequence: rest.readUInt32LE(8),
      payload: rest.subarray(HEADER_BYTES, length),
    });
    rest = rest.subarray(aligned(length));
  }
  return messages;
}

/**
 * What a message says of a request: the errno(3) value with which it ended, 0 for success; EPROTO
 * where the message has something else than the negative of one; undefined for a message that does
 * not end it.
 */
export function outcomeOf({ type, payload }: NetlinkMessage): number | undefined {
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return undefined;
  const code = payload.length < 4 ? 0 : payload.readInt32LE(0);
  if (code > 0 || code < -MAX_ERRNO) return constants.errno.EPROTO;
  return code === 0 ? 0 : -code;
}

/** An attribute as it is sent. */
export function encodeAttribute(type: number, value: Uint8Array): Buffer {
  const length = ATTRIBUTE_HEADER_BYTES + value.length;
  const attribute = Buffer.alloc(aligned(length));
  attribute.writeUInt16LE(length, 0);
  attribute.writeUInt16LE(type, 2);
  attribute.set(value, ATTRIBUTE_HEADER_BYTES);
  return attribute;
}

/** Attributes by their type; of several of a type, the last. One that is not whole ends them. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  return new Map(listAttributes(bytes));
}

/** Attributes with their types, in their order. One that is not whole ends them. */
export function listAttributes(bytes: Buffer): [type: number, value: Buffer][] {
  const attributes: [number, Buffer][] = [];
  let rest = bytes;
  while (rest.length >= ATTRIBUTE_HEADER_BYTES) {
    const length = rest.readUInt16LE(0);
    if (length < ATTRIBUTE_HEADER_BYTES || length > rest.length) break;
    const type = rest.readUInt16LE(2) & ATTRIBUTE_TYPE_MASK;
    attributes.push([type, rest.subarray(ATTRIBUTE_HEADER_BYTES, length)]);
    rest = rest.subarray(aligned(length));
  }
  return attributes;
}

/** A number as an attribute has it. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The number in an attribute of 2 bytes; undefined where the attribute is missing or shorter. */
export function uint16Of(value: Buffer | undefined): number | undefined {
  return value === undefined || value.length < 2 ? undefined : value.readUInt16LE(0);
}

/** The number in an attribute of 4 bytes; undefined where the attribute is missing or shorter. */
export function uint32Of(value: Buffer | undefined): number | undefined {
  return value === undefined || value.length < 4 ? undefined : value.readUInt32LE(0);
}

/** The number in an attribute of 8 bytes; undefined where the attribute is missing or shorter. */
export function uint64Of(value: Buffer | undefined): bigint | undefined {
  return value === undefined || value.length < 8 ? undefined : value.readBigUInt64LE(0);
}

/** Text in an attribute, up to its NUL. */
export function textOf(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? undefined : end);
}

/** NLMSG_ALIGN and NLA_ALIGN. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
