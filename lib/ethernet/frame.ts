import { invalidArgument } from '../errors.ts';
import { checkBytes } from './bytes.ts';
import { checkEtherType } from './ether-type.ts';
import { formatMacAddress, MAC_LENGTH, writeMacAddress } from './mac-address.ts';
import {
  type FrameVlan,
  isTagProtocol,
  readVlan,
  TAG_LENGTH,
  type VlanTag,
  writeVlan,
} from './vlan.ts';

const SOURCE = MAC_LENGTH;
const TYPE = SOURCE + MAC_LENGTH;

/** Bytes of an Ethernet header without a tag: two addresses and the EtherType. */
const HEADER_LENGTH = TYPE + 2;

/** IEEE 802.3, 4A.4.2: minFrameSize is 512 bits, of which the FCS takes 32. */
const LEAST_LENGTH = 60;

/** An Ethernet frame. */
export interface EthernetFrame {
  /** Source MAC address, with colons or hyphens. Default: that of the interface. */
  readonly source?: string | undefined;
  /** Destination MAC address, with colons or hyphens. */
  readonly destination: string;
  /** EtherType, 0x0600 to 0xffff; with a `vlan`, that of what is inside. */
  readonly etherType: number;
  /** A VLAN tag. Default: none. */
  readonly vlan?: FrameVlan | undefined;
  /** What follows the EtherType. Default: nothing. */
  readonly payload?: Uint8Array | undefined;
  /** False: do not fill up with zeros to the least length, 60 bytes (64 with a tag). Default: true. */
  readonly pad?: boolean | undefined;
}

/** A frame taken apart. */
export interface DecodedFrame {
  readonly source: string;
  readonly destination: string;
  /** Behind the tag, if there is one. Below 0x0600 it is the length field of IEEE 802.3. */
  readonly etherType: number;
  /** The outer tag. */
  readonly vlan?: VlanTag;
  /** What follows, padding included. Shares memory with the frame. */
  readonly payload: Uint8Array;
}

/**
 * Writes a frame at `into[offset]`, up to its FCS, which the network card appends, and returns its
 * length. When `into` has no room for that length, nothing is written. `ownAddress` is asked for the
 * interface's MAC address where the frame has no source. ArgumentError for what cannot be sent.
 */
export function encodeFrame(
  frame: EthernetFrame,
  into: Uint8Array,
  offset: number,
  ownAddress: () => Uint8Array,
): number {
  checkObject(frame, 'frame', 'an Ethernet frame, as an object or as a Uint8Array,');
  const { source, etherType, vlan, payload } = frame;
  checkEtherType(etherType, 'frame.etherType');
  if (vlan !== undefined) checkObject(vlan, 'frame.vlan', 'an object with an id');
  if (payload !== undefined) checkBytes(payload, 'frame.payload');
  const type = vlan === undefined ? TYPE : TYPE + TAG_LENGTH;
  const padding = type + 2 + (payload?.length ?? 0);
  const length = Math.max(padding, leastLength(frame));
  if (offset + length > into.length) return length;

  writeMacAddress(frame.destination, 'frame.destination', into, offset);
  if (source === undefined) into.set(ownAddress(), offset + SOURCE);
  else writeMacAddress(source, 'frame.source', into, offset + SOURCE);
  if (vlan !== undefined) writeVlan(vlan, into, offset + TYPE);
  into[offset + type] = etherType >> 8;
  into[offset + type + 1] = etherType & 0xff;
  if (payload !== undefined) into.set(payload, offset + type + 2);
  if (padding < length) into.fill(0, offset + padding, offset + length);
  return length;
}

/** Takes a frame apart. ArgumentError when it is shorter than an Ethernet header. */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  checkFrameBytes(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tagged = isTagProtocol(view.getUint16(TYPE)) && bytes.length >= HEADER_LENGTH + TAG_LENGTH;
  const type = tagged ? TYPE + TAG_LENGTH : TYPE;
  return {
    destination: formatMacAddress(bytes.subarray(0, SOURCE)),
    source: formatMacAddress(bytes.subarray(SOURCE, TYPE)),
    etherType: view.getUint16(type),
    ...(tagged ? { vlan: readVlan(view, TYPE) } : {}),
    payload: bytes.subarray(type + 2),
  };
}

/** Refuses with an ArgumentError bytes that the kernel would not take for a frame. */
export function checkFrameBytes(bytes: Uint8Array): void {
  if (bytes.length >= HEADER_LENGTH) return;
  checkBytes(bytes, 'frame');
  throw invalidArgument(
    'frame',
    `at least ${HEADER_LENGTH} bytes`,
    bytes,
    'The header alone has that many.',
  );
}

/** With a tag it is 4 bytes more: what a bridge leaves of the frame is still long enough. */
function leastLength({ vlan, pad = true }: EthernetFrame): number {
  if (typeof pad !== 'boolean') throw invalidArgument('frame.pad', 'a boolean', pad);
  if (!pad) return 0;
  return vlan === undefined ? LEAST_LENGTH : LEAST_LENGTH + TAG_LENGTH;
}

function checkObject(value: unknown, argument: string, expected: string): void {
  const other = typeof value !== 'object' || value === null || Array.isArray(value);
  if (other || ArrayBuffer.isView(value)) throw invalidArgument(argument, expected, value);
}
