import { isIPv4, isIPv6 } from 'node:net';
import { invalidArgument } from '../../errors.ts';

export const IPV4_LENGTH = 4;
export const IPV6_LENGTH = 16;

/** What was parsed before: parsing is most of what it costs to encode a packet. */
const known = new Map<string, Uint8Array>();

/** Addresses to remember. With more than that, it begins anew. */
const KNOWN_LIMIT = 4096;

/** Writes the 4 bytes of an address such as 192.0.2.1; ArgumentError for `argument.field` otherwise. */
export function writeIpv4Address(
  text: string,
  into: Uint8Array,
  offset: number,
  argument: string,
  field: string,
): void {
  const bytes = known.get(text);
  if (bytes?.length === IPV4_LENGTH) into.set(bytes, offset);
  else if (typeof text === 'string' && isIPv4(text))
    into.set(remember(text, text.split('.').map(Number)), offset);
  else throw invalidArgument(`${argument}.${field}`, 'an IPv4 address such as 192.0.2.1', text);
}

/** Writes the 16 bytes of an address such as 2001:db8::1; ArgumentError for `argument.field` otherwise. */
export function writeIpv6Address(
  text: string,
  into: Uint8Array,
  offset: number,
  argument: string,
  field: string,
): void {
  const bytes = known.get(text);
  if (bytes?.length === IPV6_LENGTH) into.set(bytes, offset);
  else if (isPlainIPv6(text)) into.set(remember(text, parseIpv6(text)), offset);
  else throw invalidArgument(`${argument}.${field}`, 'an IPv6 address such as 2001:db8::1', text);
}

/** Without a zone: that is no part of the address. */
function isPlainIPv6(text: string): boolean {
  return typeof text === 'string' && isIPv6(text) && !text.includes('%');
}

/** Of an address that is known to be one: RFC 4291, 2.2. */
function parseIpv6(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const gap = IPV6_LENGTH - before.length - after.length;
  return [...before, ...new Array<number>(gap).fill(0), ...after];
}

/** The bytes of groups of hex digits, the last of which may be an IPv4 address. */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function remember(text: string, bytes: readonly number[]): Uint8Array {
  const parsed = Uint8Array.from(bytes);
  if (known.size === KNOWN_LIMIT) known.clear();
  known.set(text, parsed);
  return parsed;
}
