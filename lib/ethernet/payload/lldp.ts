import { invalidArgument } from '../../errors.ts';
import { checkBytes } from '../bytes.ts';
import { parseMacAddress } from '../mac-address.ts';
import { bit, checkObject, put16, uint } from './fields.ts';

/** What a neighbour is told by the Link Layer Discovery Protocol: IEEE 802.1AB. */
export interface LldpPdu {
  /** The MAC address of the chassis (subtype 4), or another identifier of it. */
  readonly chassisId: string | LldpId;
  /** The name of the interface (subtype 5), or another identifier of the port. */
  readonly portId: string | LldpId;
  /** For how long it holds, in seconds. 16 bits. Default: 120. */
  readonly ttl?: number | undefined;
  /** Default: none, and so are those of the next two. */
  readonly portDescription?: string | undefined;
  readonly systemName?: string | undefined;
  readonly systemDescription?: string | undefined;
  /** More of them, before the one that ends it. Default: none. */
  readonly tlvs?: readonly LldpTlv[] | undefined;
  /** False: it has no end. Default: true. */
  readonly end?: boolean | undefined;
}

export interface LldpId {
  /** 0 to 255. */
  readonly subtype: number;
  readonly value: Uint8Array;
}

/** A type, the length of a value, and the value: 8.4. */
export interface LldpTlv {
  /** 0 to 127. */
  readonly type: number;
  /** Bytes of the value, 0 to 511. Default: so many as there are. */
  readonly length?: number | undefined;
  readonly value: Uint8Array;
}

const TYPE = {
  end: 0,
  chassisId: 1,
  portId: 2,
  ttl: 3,
  portDescription: 4,
  systemName: 5,
  systemDescription: 6,
} as const;
const SUBTYPE = { mac: 4, interfaceName: 5 } as const;
const MOST_BYTES = 511;
const NOTHING = new Uint8Array();

/** How many bytes `writeLldp` writes. */
export function lldpLength(lldp: LldpPdu, argument: string): number {
  return tlvsOf(lldp, argument).reduce((sum, { value }) => sum + 2 + value.length, 0);
}

/** Writes it at `into[offset]`. */
export function writeLldp(lldp: LldpPdu, into: Uint8Array, offset: number, argument: string): void {
  let at = offset;
  for (const { type, length, value } of tlvsOf(lldp, argument)) {
    put16(into, at, (type << 9) | (length ?? value.length));
    into.set(value, at + 2);
    at += 2 + value.length;
  }
}

function tlvsOf(lldp: LldpPdu, argument: string): LldpTlv[] {
  const { ttl = 120, tlvs = [], end = true } = lldp;
  if (!Array.isArray(tlvs)) throw invalidArgument(`${argument}.tlvs`, 'a list', tlvs);
  const seconds = uint(ttl, 16, argument, 'ttl');
  const texts = ['portDescription', 'systemName', 'systemDescription'] as const;
  return [
    tlv(
      TYPE.chassisId,
      chassisId(lldp.chassisId, `${argument}.chassisId`),
      `${argument}.chassisId`,
    ),
    tlv(TYPE.portId, portId(lldp.portId, `${argument}.portId`), `${argument}.portId`),
    tlv(TYPE.ttl, Uint8Array.of(seconds >> 8, seconds & 0xff), argument),
    ...texts
      .filter((name) => lldp[name] !== undefined)
      .map((name) => tlv(TYPE[name], utf8(lldp[name], argument, name), `${argument}.${name}`)),
    ...tlvs.map((given, index) => checked(given, `${argument}.tlvs[${index}]`)),
    ...(bit(end, argument, 'end') === 1 ? [tlv(TYPE.end, NOTHING, argument)] : []),
  ];
}

function chassisId(id: string | LldpId, argument: string): Uint8Array {
  if (typeof id !== 'string') return identifier(id, argument);
  return Uint8Array.of(SUBTYPE.mac, ...parseMacAddress(id, argument));
}

function portId(id: string | LldpId, argument: string): Uint8Array {
  if (typeof id !== 'string') return identifier(id, argument);
  return Buffer.concat([Uint8Array.of(SUBTYPE.interfaceName), Buffer.from(id)]);
}

function identifier(id: LldpId, argument: string): Uint8Array {
  checkObject(id, argument, 'a text, or an object with subtype and value');
  checkBytes(id.value, `${argument}.value`);
  return Buffer.concat([Uint8Array.of(uint(id.subtype, 8, argument, 'subtype')), id.value]);
}

function utf8(text: string | undefined, argument: string, field: string): Uint8Array {
  if (typeof text === 'string') return Buffer.from(text);
  throw invalidArgument(`${argument}.${field}`, 'a text', text);
}

function tlv(type: number, value: Uint8Array, argument: string): LldpTlv {
  if (value.length <= MOST_BYTES) return { type, value };
  throw invalidArgument(argument, `at most ${MOST_BYTES} bytes`, value);
}

function checked(given: LldpTlv, argument: string): LldpTlv {
  checkObject(given, argument, 'an object with type and value');
  checkBytes(given.value, `${argument}.value`);
  if (given.length !== undefined) uint(given.length, 9, argument, 'length');
  const type = uint(given.type, 7, argument, 'type');
  return { ...given, ...tlv(type, given.value, `${argument}.value`) };
}
