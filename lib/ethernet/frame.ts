import { invalidArgument } from '../errors.ts';
import { checkBytes } from './bytes.ts';
import { checkEtherType } from './ether-type.ts';
import { formatMacAddress, MAC_LENGTH, writeMacAddress } from './mac-address.ts';
import { checkObject, put16 } from './payload/fields.ts';
import {
  type FrameContent,
  frameContentLength,
  typeField,
  writeFrameContent,
} from './payload/frame-content.ts';
import {
  countTags,
  type FrameVlan,
  isTagProtocol,
  readVlan,
  TAG_LENGTH,
  type VlanTag,
  writeTags,
} from './vlan.ts';

const SOURCE = MAC_LENGTH;
const TYPE = SOURCE + MAC_LENGTH;

/** Bytes of an Ethernet header without a tag: two addresses and the EtherType. */
const HEADER_LENGTH = TYPE + 2;

/** IEEE 802.3, 4A.4.2: minFrameSize is 512 bits, of which the FCS takes 32. */
const LEAST_LENGTH = 60;

const NO_ROOM = new Uint8Array();

/** An Ethernet frame. */
export interface EthernetFrame extends FrameContent {
  /** Source MAC address, with colons or hyphens. Default: that of the interface. */
  readonly source?: string | undefined;
  /** Destination MAC address, with colons or hyphens. */
  readonly destination: string;
  /**
   * EtherType, 0x0600 to 0xffff; with a `vlan`, that of what is inside. Default: that of what the frame
   * carries, where that is not a `payload`.
   */
  readonly etherType?: number | undefined;
  /** A VLAN tag, or several, the outermost first. Default: none. */
  readonly vlan?: FrameVlan | readonly FrameVlan[] | undefined;
  /**
   * False: do not fill up with zeros to the least length, 60 bytes and 4 more for each tag. Default:
   * true.
   */
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
  const { source, vlan } = frame;
  const content = frameContentLength(frame, 'frame');
  const field = typeOf(frame, content);
  const tags = vlan === undefined ? 0 : countTags(vlan, 'frame.vlan');
  const type = TYPE + tags * TAG_LENGTH;
  const padding = type + 2 + content;
  const length = Math.max(padding, leastLength(frame, tags));
  if (offset + length > into.length) return length;

  writeMacAddress(frame.destination, 'frame.destination', into, offset);
  if (source === undefined) into.set(ownAddress(), offset + SOURCE);
  else writeMacAddress(source, 'frame.source', into, offset + SOURCE);
  if (vlan !== undefined) writeTags(vlan, into, offset + TYPE, 'frame.vlan');
  put16(into, offset + type, field);
  writeFrameContent(frame, into, offset + type + 2, content, 'frame');
  if (padding < length) into.fill(0, offset + padding, offset + length);
  return length;
}

/**
 * The bytes of a frame, for whatever is done with them; `injectFrame` and injectors take the object
 * itself. ArgumentError for what cannot be sent, and where there is no source.
 */
export function composeFrame(frame: EthernetFrame): Uint8Array {
  const noInterface = () => {
    throw invalidArgument('frame.source', 'a MAC address', undefined, 'Here is no interface.');
  };
  const bytes = new Uint8Array(encodeFrame(frame, NO_ROOM, 0, noInterface));
  encodeFrame(frame, bytes, 0, noInterface);
  return bytes;
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

/** What is behind addresses and tags. `length`: of the content. */
function typeOf(frame: EthernetFrame, length: number): number {
  const { etherType } = frame;
  const own = etherType === undefined ? typeField(frame, length) : undefined;
  if (own !== undefined) return own;
  checkEtherType(etherType, 'frame.etherType');
  return etherType;
}

/** With a tag it is 4 bytes more: what a bridge leaves of the frame is still long enough. */
function leastLength({ pad = true }: EthernetFrame, tags: number): number {
  if (typeof pad !== 'boolean') throw invalidArgument('frame.pad', 'a boolean', pad);
  return pad ? LEAST_LENGTH + tags * TAG_LENGTH : 0;
}
