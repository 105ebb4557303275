import { invalidArgument } from '../errors.ts';
import { MAC_LENGTH, parseMacAddress } from '../ethernet/mac-address.ts';
import { isTagProtocol, TAG_LENGTH } from '../ethernet/vlan.ts';
import type { NativeVariedField } from '../native.ts';

/** A field by name; or bytes of what follows the EtherType, in network byte order. */
export type FieldRef =
  | 'destination'
  | 'source'
  | 'etherType'
  | 'vlan'
  | { readonly offset: number; readonly width: number };

/** A value of a field: a number, or of an address its text. */
export type FieldValue = number | bigint | string;

/**
 * A field that changes from frame to frame. With `values`, it has these in turns; with `random`, values by
 * that seed; otherwise it counts. What it changes is not looked at again: checksums stay as they were.
 */
export interface Variation {
  /** 'vlan': the identifier in the outer tag. */
  readonly field: FieldRef;
  /** The first value, or the least of the random ones. Default: 0. */
  readonly from?: FieldValue | undefined;
  /** The last, or the greatest, after which it begins again. Default: all that the field has room for. */
  readonly to?: FieldValue | undefined;
  /** From one value to the next. Default: 1. */
  readonly step?: number | undefined;
  /** Default: none. */
  readonly values?: readonly FieldValue[] | undefined;
  /** A seed, 0 to 2^53 - 1. The same seed gives the same values. Default: none. */
  readonly random?: number | undefined;
}

interface FieldPlace {
  readonly offset: number;
  readonly width: number;
  /** The bits that belong to the field. */
  readonly mask: bigint;
}

const COUNTER = 0;
const RANDOM = 1;
const LIST = 2;

const TYPE = 2 * MAC_LENGTH;

/** Where and how a field of these frames changes. ArgumentError for what is not in one of them. */
export function planVariation(
  variation: Variation,
  frames: readonly Uint8Array[],
  argument: string,
): NativeVariedField {
  if (typeof variation !== 'object' || variation === null) {
    throw invalidArgument(argument, 'an object with a field', variation);
  }
  checkNames(variation, argument);
  const { field, values, random } = variation;
  const places = frames.map((frame) => placeOf(field, frame, `${argument}.field`));
  const { width, mask } = places[0] ?? { width: 0, mask: 0n };
  const offsets = Uint32Array.from(places, ({ offset }) => offset);
  const value = (given: FieldValue, name: string) => toValue(given, mask, `${argument}.${name}`);
  if (values !== undefined) {
    if (!Array.isArray(values) || values.length === 0) {
      throw invalidArgument(`${argument}.values`, 'a list with at least one value', values);
    }
    const list = values.map((given, index) => value(given, `values[${index}]`));
    return { kind: LIST, width, offsets, numbers: BigUint64Array.of(mask, ...list) };
  }
  const from = value(variation.from ?? 0, 'from');
  const to = value(variation.to ?? mask, 'to');
  if (to < from) {
    throw invalidArgument(`${argument}.to`, `a value from ${from} on`, variation.to);
  }
  // 2^64 values are 0 here: all that there are.
  const span = BigInt.asUintN(64, to - from + 1n);
  if (random !== undefined) {
    const seed = natural(random, 0, `${argument}.random`);
    return { kind: RANDOM, width, offsets, numbers: BigUint64Array.of(mask, from, span, seed) };
  }
  const step = natural(variation.step ?? 1, 1, `${argument}.step`);
  const count = (to - from) / step + 1n;
  const bounded = count > MOST_VALUES ? MOST_VALUES : count;
  return { kind: COUNTER, width, offsets, numbers: BigUint64Array.of(mask, from, bounded, step) };
}

/** No flood sends as many frames. */
const MOST_VALUES = 2n ** 64n - 1n;

/** A misspelt name, or one that means nothing beside another, would be passed over in silence. */
function checkNames(variation: Variation, argument: string): void {
  const counted = ['field', 'from', 'to', 'step'];
  const random = ['field', 'from', 'to', 'random'];
  const listed = ['field', 'values'];
  const beside = variation.random === undefined ? counted : random;
  const known = variation.values === undefined ? beside : listed;
  for (const [name, value] of Object.entries(variation)) {
    if (value === undefined || known.includes(name)) continue;
    throw invalidArgument(argument, `only ${known.join(', ')}`, name);
  }
}

function placeOf(field: FieldRef, frame: Uint8Array, argument: string): FieldPlace {
  const place = unbounded(field, frame, argument);
  if (place.offset + place.width <= frame.length) return place;
  const mend = `It has ${frame.length} bytes.`;
  throw invalidArgument(argument, 'a field within each frame', field, mend);
}

function unbounded(field: FieldRef, frame: Uint8Array, argument: string): FieldPlace {
  let type = TYPE;
  while (isTagProtocol(readU16(frame, type))) type += TAG_LENGTH;
  switch (field) {
    case 'destination':
      return whole(0, MAC_LENGTH);
    case 'source':
      return whole(MAC_LENGTH, MAC_LENGTH);
    case 'etherType':
      return whole(type, 2);
    case 'vlan':
      if (type > TYPE) return { offset: TYPE + 2, width: 2, mask: 0xfffn };
      throw invalidArgument(argument, 'a field of the frame', field, 'It has no VLAN tag.');
    default:
      return payloadPlace(field, type + 2, argument);
  }
}

function payloadPlace(
  field: Exclude<FieldRef, string>,
  start: number,
  argument: string,
): FieldPlace {
  const expected =
    "'destination', 'source', 'etherType', 'vlan', or an offset and a width in bytes";
  if (typeof field !== 'object' || field === null) throw invalidArgument(argument, expected, field);
  const { offset, width } = field;
  if (!Number.isInteger(offset) || !Number.isInteger(width) || offset < 0) {
    throw invalidArgument(argument, expected, field);
  }
  if (width < 1 || width > 8) throw invalidArgument(`${argument}.width`, '1 to 8 bytes', width);
  return whole(start + offset, width);
}

function whole(offset: number, width: number): FieldPlace {
  return { offset, width, mask: (1n << BigInt(8 * width)) - 1n };
}

function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

function toValue(given: FieldValue, mask: bigint, argument: string): bigint {
  const expected = `a value from 0 to ${mask}`;
  if (typeof given === 'string' && mask === whole(0, MAC_LENGTH).mask) {
    return BigInt(`0x${Buffer.from(parseMacAddress(given, argument)).toString('hex')}`);
  }
  if (typeof given !== 'bigint' && !Number.isSafeInteger(given)) {
    throw invalidArgument(argument, expected, given);
  }
  const value = BigInt(given);
  if (value < 0n || value > mask) throw invalidArgument(argument, expected, given);
  return value;
}

function natural(value: number, least: number, argument: string): bigint {
  if (Number.isSafeInteger(value) && value >= least) return BigInt(value);
  throw invalidArgument(argument, `an integer from ${least} to 2^53 - 1`, value);
}
