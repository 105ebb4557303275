import { invalidArgument } from '../errors.ts';

/** Bytes of a MAC address. */
export const MAC_LENGTH = 6;

const SHAPE = /^[\da-f]{2}(?:(?::[\da-f]{2}){5}|(?:-[\da-f]{2}){5})$/i;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** What was parsed before: parsing is most of what it costs to encode a frame. */
const known = new Map<string, Uint8Array>();

/** What was formatted before, by the address as a number. */
const formatted = new Map<number, string>();

/** Addresses to remember. With more talkers than that, it begins anew. */
const KNOWN_LIMIT = 4096;

/**
 * The 6 bytes of a MAC address: two hex digits each, with colons or hyphens, in any case.
 * ArgumentError for anything else; `argument` is its name there.
 */
export function parseMacAddress(text: string, argument: string): Uint8Array {
  return look(text, argument).slice();
}

/** Writes the 6 bytes of a MAC address at `into[offset]`, as `parseMacAddress` reads them. */
export function writeMacAddress(
  text: string,
  argument: string,
  into: Uint8Array,
  offset: number,
): void {
  into.set(look(text, argument), offset);
}

/** A MAC address in lower case with colons, from the 6 bytes at `bytes[offset]`. */
export function formatMacAddress(bytes: Uint8Array, offset = 0): string {
  let key = 0;
  for (let i = offset; i < offset + MAC_LENGTH; i++) key = key * 256 + (bytes[i] ?? 0);
  const seen = formatted.get(key);
  if (seen !== undefined) return seen;
  const address = Array.from(bytes.subarray(offset, offset + MAC_LENGTH), (byte) => HEX[byte]).join(
    ':',
  );
  if (formatted.size === KNOWN_LIMIT) formatted.clear();
  formatted.set(key, address);
  return address;
}

function look(text: string, argument: string): Uint8Array {
  const seen = known.get(text);
  if (seen !== undefined) return seen;
  if (typeof text !== 'string' || !SHAPE.test(text)) {
    throw invalidArgument(argument, 'a MAC address such as 00:00:5e:00:53:00', text);
  }
  const bytes = Uint8Array.from(text.split(/[:-]/), (digits) => Number.parseInt(digits, 16));
  if (known.size === KNOWN_LIMIT) known.clear();
  known.set(text, bytes);
  return bytes;
}
