import { invalidArgument } from '../../errors.ts';
import { checkBytes } from '../bytes.ts';

/** The greatest number of so many bits. */
const GREATEST = Array.from({ length: 33 }, (_, bits) => 2 ** bits - 1);

/** Gives back an unsigned integer of so many bits; ArgumentError for `argument.field` otherwise. */
export function uint(value: number, bits: number, argument: string, field: string): number {
  const greatest = GREATEST[bits] ?? 0;
  if (Number.isInteger(value) && value >= 0 && value <= greatest) return value;
  throw invalidArgument(`${argument}.${field}`, `an integer from 0 to ${greatest}`, value);
}

/** Gives back a boolean as a bit; ArgumentError for `argument.field` otherwise. */
export function bit(value: boolean, argument: string, field: string): 0 | 1 {
  if (typeof value !== 'boolean') throw invalidArgument(`${argument}.${field}`, 'a boolean', value);
  return value ? 1 : 0;
}

/** The length of bytes that may be left out; ArgumentError for `argument.field` otherwise. */
export function bytesLength(
  bytes: Uint8Array | undefined,
  argument: string,
  field: string,
): number {
  if (bytes === undefined) return 0;
  checkBytes(bytes, `${argument}.${field}`);
  return bytes.length;
}

/** Gives back a length of something; ArgumentError when it is longer than its length field can say. */
export function atMost(greatest: number, length: number, argument: string): number {
  if (length <= greatest) return length;
  throw invalidArgument(argument, `at most ${greatest} bytes`, `${length} bytes`);
}

/** Refuses with an ArgumentError what is no plain object. */
export function checkObject(value: unknown, argument: string, expected = 'an object'): void {
  const other = typeof value !== 'object' || value === null || Array.isArray(value);
  if (other || ArrayBuffer.isView(value)) throw invalidArgument(argument, expected, value);
}

/** The index of the one that is given of some values, or -1; ArgumentError where there are more. */
export function onlyOne(
  values: readonly unknown[],
  names: readonly string[],
  argument: string,
): number {
  let found = -1;
  for (let index = 0; index < values.length; index++) {
    if (values[index] === undefined) continue;
    if (found >= 0) {
      const received = `${names[found]} and ${names[index]}`;
      throw invalidArgument(argument, `one of ${names.join(', ')}`, received);
    }
    found = index;
  }
  return found;
}

/** Big-endian, as all of this is. */
export function put16(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value >>> 8;
  into[offset + 1] = value;
}

export function put32(into: Uint8Array, offset: number, value: number): void {
  put16(into, offset, value >>> 16);
  put16(into, offset + 2, value);
}
