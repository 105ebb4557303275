import { invalidArgument } from '../../errors.ts';
import { checkBytes } from '../bytes.ts';

/** Gives back an unsigned integer of so many bits; ArgumentError for `argument.field` otherwise. */
export function uint(value: number, bits: number, argument: string, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return value;
  const expected = `an integer from 0 to ${2 ** bits - 1}`;
  throw invalidArgument(`${argument}.${field}`, expected, value);
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

/** Refuses with an ArgumentError what is no plain object. */
export function checkObject(value: unknown, argument: string, expected = 'an object'): void {
  const other = typeof value !== 'object' || value === null || Array.isArray(value);
  if (other || ArrayBuffer.isView(value)) throw invalidArgument(argument, expected, value);
}

/** Which of `names` an object has; ArgumentError when it has more than one of them. */
export function onlyOne<Name extends string>(
  object: Partial<Record<Name, unknown>>,
  names: readonly Name[],
  argument: string,
): Name | undefined {
  let found: Name | undefined;
  for (const name of names) {
    if (object[name] === undefined) continue;
    if (found !== undefined) {
      const mend = `It has ${found} and ${name}.`;
      throw invalidArgument(argument, `one of ${names.join(', ')}`, object, mend);
    }
    found = name;
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
