import { invalidArgument } from '../errors.ts';
import { parseMacAddress } from '../ethernet/mac-address.ts';

/** A VLAN tag on the command line. */
export interface VlanArgument {
  readonly id: number;
  readonly priority?: number;
}

/** Turns the text of an argument into its value, or throws an ArgumentError with its name. */
type Parser<T> = (text: string) => T;

// setTimeout holds 2^31 - 1 milliseconds, and takes a longer time for none at all.
const MAX_SECONDS = 2_147_483;

const SECONDS_IN: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Parses an integer: decimal, or hexadecimal behind 0x. */
export function integer(
  name: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
  expected = `a whole number of at least ${min}`,
): Parser<number> {
  return (text) => {
    const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const mend = Number.isNaN(value) ? 'Write it in decimal, or in hexadecimal with 0x.' : '';
    throw invalidArgument(name, expected, text, mend);
  };
}

/** Parses an EtherType of at least `min`: below 0x0600 it is a length. */
export function etherType(name: string, min: number): Parser<number> {
  const least = min.toString(16).padStart(4, '0');
  return integer(name, min, 0xffff, `an EtherType from 0x${least} to 0xffff`);
}

/** Parses a time, which may have decimals and a unit: s (the default), m or h. Gives seconds. */
export function seconds(name: string): Parser<number> {
  const expected = `a time above 0 and up to ${MAX_SECONDS} seconds`;
  return (text) => {
    const [, number, unit = 's'] = /^(\d+\.?\d*|\.\d+)([smh])?$/.exec(text) ?? [];
    const value = Number(number) * (SECONDS_IN[unit] ?? Number.NaN);
    if (value > 0 && value <= MAX_SECONDS) return value;
    throw invalidArgument(name, expected, text, 'Such as 30, 1.5m or 2h.');
  };
}

/** Parses a number above 0, which may have decimals. */
export function positive(name: string): Parser<number> {
  return (text) => {
    const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0) return value;
    throw invalidArgument(name, 'a number above 0', text, 'Such as 0.5 or 10.');
  };
}

/** Lets a MAC address through as it is: colons or hyphens, any case. */
export function macAddress(name: string): Parser<string> {
  return (text) => {
    parseMacAddress(text, name);
    return text;
  };
}

/** Parses bytes of two hexadecimal digits each; white space and colons between them are ignored. */
export function hexBytes(name: string): Parser<Uint8Array> {
  return (text) => {
    const digits = text.replace(/[\s:]/g, '');
    if (/^([\da-f]{2})*$/i.test(digits)) return Buffer.from(digits, 'hex');
    throw invalidArgument(name, 'two hexadecimal digits a byte, such as 0a0b0c', text);
  };
}

/** Parses ID or ID:PRIORITY. */
export function vlan(name: string): Parser<VlanArgument> {
  return (text) => {
    const [, id, priority] = /^(\d+|0x[\da-f]+)(?::([0-7]))?$/i.exec(text) ?? [];
    if (id === undefined || Number(id) > 4095) {
      throw invalidArgument(name, 'ID or ID:PRIORITY (0 to 4095, 0 to 7)', text);
    }
    return { id: Number(id), ...(priority !== undefined && { priority: Number(priority) }) };
  };
}

/** Parses a network namespace: the number of a process, a path, or a name. */
export function networkNamespace(name: string): Parser<string | number> {
  return (text) => {
    if (text === '') throw invalidArgument(name, 'a name, a path or a process number', text);
    return /^\d+$/.test(text) ? Number(text) : text;
  };
}

/** Makes the parser of one value that of an option which may be given several times. */
export function several<T>(parse: Parser<T>): (text: string, before?: readonly T[]) => T[] {
  return (text, before = []) => [...before, parse(text)];
}
