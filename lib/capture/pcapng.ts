import type { CaptureBlock } from './capture-block.ts';
import {
  CaptureDamage,
  type CaptureParser,
  checkLength,
  checkLinkType,
  MOST_BYTES,
} from './capture-parser.ts';

/** https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html: types of blocks. */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Type, length, and the length again: bytes of the least block. */
const LEAST = 12;

/** Before the data of an ENHANCED_PACKET or OLD_PACKET, from the beginning of the block on; and behind it. */
const PACKET_HEADER = 28;
const TRAILER = 4;

/** Interfaces of a section. Each is remembered, so that a file cannot have any number of them. */
const MOST_INTERFACES = 65_536;

/** Options of an INTERFACE_DESCRIPTION. */
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_FCS_LENGTH = 13;
const OPTION_TIME_OFFSET = 14;

/** Where a block lies. */
interface BlockPlace {
  readonly view: DataView;
  /** In `view`. */
  readonly start: number;
  readonly end: number;
  /** In the file. */
  readonly offset: number;
}

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Where it is described in the file. */
  readonly offset: number;
  readonly unitsPerSecond: bigint;
  /** Bytes of the checksum at the end of each frame. */
  readonly fcsLength: number;
  /** To be added to its times. */
  readonly offsetSeconds: bigint;
  /** Of its first frame: the time in its units, and how long that was after the first of the file. */
  first?: { readonly high: number; readonly low: number; readonly timeNs: number };
}

/** A parser of what begins with these bytes; undefined where that is no pcapng file. */
export function pcapngParser(magic: number): CaptureParser | undefined {
  return magic === SECTION_HEADER ? new PcapngParser() : undefined;
}

class PcapngParser implements CaptureParser {
  #littleEndian = true;
  #interfaces: Interface[] = [];
  /** When the first frame was captured, in nanoseconds. */
  #firstNs: bigint | undefined;
  #lastTimeNs = 0;

  parse(bytes: Buffer, position: number, block: CaptureBlock): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (at + LEAST <= bytes.length) {
      const type = view.getUint32(at, this.#littleEndian);
      if (type === SECTION_HEADER) this.#beginSection(view, at, position);
      const length = view.getUint32(at + 4, this.#littleEndian);
      if (length < LEAST || length % 4 !== 0) {
        throw new CaptureDamage(position + at, `a block of ${length} bytes`);
      }
      const next = at + length;
      if (next > bytes.length) return this.#isKnown(type, length, position + at) ? at : next;
      if (view.getUint32(next - TRAILER, this.#littleEndian) !== length) {
        throw new CaptureDamage(position + at, `a block whose end does not say ${length} bytes`);
      }
      this.#readBlock(type, { view, start: at, end: next, offset: position + at }, block);
      at = next;
    }
    return at;
  }

  /** Of a block that is not here as a whole: whether it must be. */
  #isKnown(type: number, length: number, offset: number): boolean {
    const known = [SECTION_HEADER, INTERFACE_DESCRIPTION, OLD_PACKET, SIMPLE_PACKET];
    if (type !== ENHANCED_PACKET && !known.includes(type)) return false;
    // With as many bytes of options.
    if (length <= 2 * MOST_BYTES) return true;
    throw new CaptureDamage(offset, `a block of ${length} bytes`);
  }

  #beginSection(view: DataView, at: number, position: number): void {
    this.#littleEndian = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    if (view.getUint32(at + 8, this.#littleEndian) !== BYTE_ORDER_MAGIC) {
      throw new CaptureDamage(position + at, 'a section without its byte order');
    }
    this.#interfaces = [];
  }

  #readBlock(type: number, at: BlockPlace, block: CaptureBlock): void {
    const { view, start } = at;
    switch (type) {
      case INTERFACE_DESCRIPTION:
        if (this.#interfaces.length === MOST_INTERFACES) {
          throw new CaptureDamage(at.offset, `more than ${MOST_INTERFACES} interfaces`);
        }
        this.#interfaces.push(this.#readInterface(at));
        break;
      case ENHANCED_PACKET:
        checkRoom(at, PACKET_HEADER);
        this.#readPacket(view.getUint32(start + 8, this.#littleEndian), at, block);
        break;
      case OLD_PACKET:
        checkRoom(at, PACKET_HEADER);
        this.#readPacket(view.getUint16(start + 8, this.#littleEndian), at, block);
        break;
      case SIMPLE_PACKET:
        this.#readSimplePacket(at, block);
        break;
    }
  }

  #readInterface(at: BlockPlace): Interface {
    checkRoom(at, 16);
    const { view, start, end, offset } = at;
    const options = this.#readOptions(view, start + 16, end - TRAILER);
    return {
      linkType: view.getUint16(start + 8, this.#littleEndian),
      snapLength: view.getUint32(start + 12, this.#littleEndian),
      offset,
      ...options,
    };
  }

  /** Those that lie there. By default, times are in microseconds. */
  #readOptions(
    view: DataView,
    start: number,
    end: number,
  ): { unitsPerSecond: bigint; offsetSeconds: bigint; fcsLength: number } {
    const options = { unitsPerSecond: 1_000_000n, offsetSeconds: 0n, fcsLength: 0 };
    for (let at = start; at + 4 <= end; ) {
      const code = view.getUint16(at, this.#littleEndian);
      const length = view.getUint16(at + 2, this.#littleEndian);
      const value = at + 4;
      at = value + 4 * Math.ceil(length / 4);
      if (code === OPTION_END || at > end) break;
      if (length === 0) continue;
      if (code === OPTION_TIME_RESOLUTION) {
        options.unitsPerSecond = unitsPerSecond(view.getUint8(value));
      } else if (code === OPTION_FCS_LENGTH) {
        options.fcsLength = view.getUint8(value);
      } else if (code === OPTION_TIME_OFFSET && length === 8) {
        options.offsetSeconds = view.getBigInt64(value, this.#littleEndian);
      }
    }
    return options;
  }

  #readPacket(index: number, at: BlockPlace, block: CaptureBlock): void {
    const { view, start, offset } = at;
    const from = this.#interfaceOf(index, offset);
    const length = view.getUint32(start + 20, this.#littleEndian);
    checkLength(length, offset);
    checkRoom(at, PACKET_HEADER + length);
    const high = view.getUint32(start + 12, this.#littleEndian);
    const low = view.getUint32(start + 16, this.#littleEndian);
    this.#lastTimeNs = this.#timeOf(from, high, low);
    const original = view.getUint32(start + 24, this.#littleEndian);
    block.add(start + PACKET_HEADER, length, original, this.#lastTimeNs);
  }

  /** It has no time: that of the one before it. */
  #readSimplePacket(at: BlockPlace, block: CaptureBlock): void {
    const { view, start, offset } = at;
    checkRoom(at, 12);
    const { snapLength } = this.#interfaceOf(0, offset);
    const original = view.getUint32(start + 8, this.#littleEndian);
    const length = snapLength === 0 ? original : Math.min(original, snapLength);
    checkLength(length, offset);
    checkRoom(at, 12 + length);
    block.add(start + 12, length, original, this.#lastTimeNs);
  }

  #interfaceOf(index: number, offset: number): Interface {
    const found = this.#interfaces[index];
    if (found === undefined) {
      throw new CaptureDamage(offset, `a frame of interface ${index}, which is not described`);
    }
    checkLinkType(found.linkType, found.offset);
    if (found.fcsLength > 0) {
      throw new CaptureDamage(found.offset, 'its frames end with a checksum (FCS)');
    }
    return found;
  }

  /** Differences, for the whole of a time has more digits than a number. */
  #timeOf(from: Interface, high: number, low: number): number {
    from.first ??= this.#firstOf(from, high, low);
    const { first, unitsPerSecond } = from;
    const units = (high - first.high) * 2 ** 32 + (low - first.low);
    return first.timeNs + units * (1e9 / Number(unitsPerSecond));
  }

  #firstOf(from: Interface, high: number, low: number): NonNullable<Interface['first']> {
    const units = (BigInt(high) << 32n) | BigInt(low);
    const ns = (units * 1_000_000_000n) / from.unitsPerSecond + from.offsetSeconds * 1_000_000_000n;
    this.#firstNs ??= ns;
    return { high, low, timeNs: Number(ns - this.#firstNs) };
  }
}

/** if_tsresol: a power of 10, or, with the upper bit, of 2. */
function unitsPerSecond(resolution: number): bigint {
  const exponent = BigInt(resolution & 0x7f);
  return resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
}

/** `needed`: bytes before what ends the block. */
function checkRoom({ start, end, offset }: BlockPlace, needed: number): void {
  if (end - start >= needed + TRAILER) return;
  throw new CaptureDamage(offset, `a block of ${end - start} bytes, too few for what it says`);
}
