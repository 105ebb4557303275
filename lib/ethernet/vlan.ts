import { invalidArgument } from '../errors.ts';
import { checkObject, put16 } from './payload/fields.ts';

/** Bytes of an 802.1Q tag. */
export const TAG_LENGTH = 4;

/** TPID of a customer tag (802.1Q) and of a service tag (802.1ad). */
const CUSTOMER = 0x8100;
const SERVICE = 0x88a8;

/** The VLAN tag of a frame. */
export interface FrameVlan {
  /** VLAN identifier, 0 to 4095. 0 carries a priority only. */
  readonly id: number;
  /** Priority code point, 0 to 7. Default: 0. */
  readonly priority?: number | undefined;
  /** Drop eligible indicator. Default: false. */
  readonly dei?: boolean | undefined;
  /**
   * Tag protocol identifier: 0x8100 (802.1Q) or 0x88a8 (802.1ad). Default: 0x8100, and 0x88a8 of every tag
   * that has another one inside it.
   */
  readonly protocol?: number | undefined;
}

/** An 802.1Q or 802.1ad tag. */
export interface VlanTag {
  /** VLAN identifier, 0 to 4095. */
  readonly id: number;
  /** Priority code point, 0 to 7. */
  readonly priority: number;
  /** Drop eligible indicator. */
  readonly dei: boolean;
  /** Tag protocol identifier: 0x8100 or 0x88a8. */
  readonly protocol: number;
}

/** Whether an EtherType announces a VLAN tag. */
export function isTagProtocol(etherType: number): boolean {
  return etherType === CUSTOMER || etherType === SERVICE;
}

/** How many tags `writeTags` writes. */
export function countTags(vlan: FrameVlan | readonly FrameVlan[], argument: string): number {
  return tagsOf(vlan, argument).length;
}

/** Writes tags at `into[offset]`. ArgumentError for what cannot be one. */
export function writeTags(
  vlan: FrameVlan | readonly FrameVlan[],
  into: Uint8Array,
  offset: number,
  argument: string,
): void {
  const tags = tagsOf(vlan, argument);
  tags.forEach((tag, index) => {
    const isLast = index === tags.length - 1;
    const name = tags === vlan ? `${argument}[${index}]` : argument;
    writeVlan(tag, into, offset + index * TAG_LENGTH, isLast ? CUSTOMER : SERVICE, name);
  });
}

function tagsOf(vlan: FrameVlan | readonly FrameVlan[], argument: string): readonly FrameVlan[] {
  if (isList(vlan)) return vlan;
  checkObject(vlan, argument, 'an object with an id');
  return [vlan];
}

function isList(vlan: FrameVlan | readonly FrameVlan[]): vlan is readonly FrameVlan[] {
  return Array.isArray(vlan);
}

/** Writes the 4 bytes of a tag at `into[offset]`. */
function writeVlan(
  vlan: FrameVlan,
  into: Uint8Array,
  offset: number,
  defaultProtocol: number,
  argument: string,
): void {
  checkObject(vlan, argument, 'an object with an id');
  const { id, priority = 0, dei = false, protocol = defaultProtocol } = vlan;
  checkUpTo(4095, id, 'a VLAN identifier', `${argument}.id`);
  checkUpTo(7, priority, 'a priority', `${argument}.priority`);
  if (typeof dei !== 'boolean') throw invalidArgument(`${argument}.dei`, 'a boolean', dei);
  if (!isTagProtocol(protocol)) {
    throw invalidArgument(`${argument}.protocol`, '0x8100 or 0x88a8', protocol);
  }
  put16(into, offset, protocol);
  put16(into, offset + 2, (priority << 13) | (dei ? 0x1000 : 0) | id);
}

/** Reads the 4 bytes of a tag. */
export function readVlan(view: DataView, offset: number): VlanTag {
  return vlanTag(view.getUint16(offset), view.getUint16(offset + 2));
}

/** The tag whose tag control information is `tci`: IEEE 802.1Q, 9.6. */
export function vlanTag(protocol: number, tci: number): VlanTag {
  return { id: tci & 0xfff, priority: tci >>> 13, dei: (tci & 0x1000) !== 0, protocol };
}

function checkUpTo(greatest: number, value: number, what: string, argument: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= greatest) return;
  throw invalidArgument(argument, `${what} from 0 to ${greatest}`, value);
}
