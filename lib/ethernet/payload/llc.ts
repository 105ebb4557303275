import { invalidArgument } from '../../errors.ts';
import { atMost, bytesLength, checkObject, put16, uint } from './fields.ts';

/** An LLC protocol data unit: IEEE 802.2. The frame then has a length where others have an EtherType. */
export interface LlcPdu {
  /** Destination and source service access point, 8 bits each. With `snap` they default to 0xaa. */
  readonly dsap?: number | undefined;
  readonly ssap?: number | undefined;
  /** 8 bits where the lowest two are set (an unnumbered frame), otherwise 16. Default: 3. */
  readonly control?: number | undefined;
  /** SNAP's header: IEEE 802, 10.3. */
  readonly snap?: SnapHeader | undefined;
  /** Bytes from the LLC header on. Default: so many as there are, without padding. */
  readonly length?: number | undefined;
  /** Default: nothing. */
  readonly payload?: Uint8Array | undefined;
}

export interface SnapHeader {
  /** Organizationally unique identifier, 24 bits. Default: 0, where `type` is an EtherType. */
  readonly oui?: number | undefined;
  /** 16 bits. */
  readonly type: number;
}

const SNAP_SAP = 0xaa;
const SNAP_LENGTH = 5;
const UNNUMBERED = 3;

/** A greater length would be an EtherType: IEEE 802.3, 3.2.6. */
const MOST_BYTES = 1500;

/** How many bytes `writeLlc` writes. */
export function llcLength(llc: LlcPdu, argument: string): number {
  const snap = llc.snap === undefined ? 0 : SNAP_LENGTH;
  const payload = bytesLength(llc.payload, argument, 'payload');
  const length = 2 + controlLength(llc.control ?? UNNUMBERED) + snap + payload;
  if (llc.length === undefined) return atMost(MOST_BYTES, length, argument);
  uint(llc.length, 16, argument, 'length');
  return length;
}

/** Writes it at `into[offset]`. */
export function writeLlc(llc: LlcPdu, into: Uint8Array, offset: number, argument: string): void {
  const { snap, payload, control = UNNUMBERED } = llc;
  into[offset] = uint(sap(llc.dsap, llc, `${argument}.dsap`), 8, argument, 'dsap');
  into[offset + 1] = uint(sap(llc.ssap, llc, `${argument}.ssap`), 8, argument, 'ssap');
  uint(control, 16, argument, 'control');
  let at = offset + 2 + controlLength(control);
  if (controlLength(control) === 1) into[offset + 2] = control;
  else put16(into, offset + 2, control);
  if (snap !== undefined) {
    checkObject(snap, `${argument}.snap`);
    const oui = uint(snap.oui ?? 0, 24, argument, 'snap.oui');
    into[at] = oui >>> 16;
    put16(into, at + 1, oui & 0xffff);
    put16(into, at + 3, uint(snap.type, 16, argument, 'snap.type'));
    at += SNAP_LENGTH;
  }
  if (payload !== undefined) into.set(payload, at);
}

function sap(given: number | undefined, { snap }: LlcPdu, argument: string): number {
  if (given !== undefined) return given;
  if (snap !== undefined) return SNAP_SAP;
  throw invalidArgument(argument, 'a service access point from 0 to 255', given);
}

function controlLength(control: number): 1 | 2 {
  return control <= 0xff && (control & UNNUMBERED) === UNNUMBERED ? 1 : 2;
}
