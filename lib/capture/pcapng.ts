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

/** Options of an INTERFACE_DESCRIPTION. */
const OPTION_TIME_RESOLUTION = 9;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Where it is described in the file. */
  readonly offset: number;
  readonly unitsPerSecond: bigint;
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
      this.#readBlock(type, view, at, next, position, block);
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

  #readBlock(
    type: number,
    view: DataView,
    at: number,
    next: number,
    position: number,
    block: CaptureBlock,
  ): void {
    switch (type) {
      case INTERFACE_DESCRIPTION:
        this.#interfaces.push(this.#readInterface(view, at, next, position));
        break;
      case ENHANCED_PACKET:
        checkRoom(next - at, PACKET_HEADER, position + at);
        this.#readPacket(
          view.getUint32(at + 8, this.#littleEndian),
          view,
          at,
          next,
          position,
          block,
        );
        break;
      case OLD_PACKET:
        checkRoom(next - at, PACKET_HEADER, position + at);
        this.#readPacket(
          view.getUint16(at + 8, this.#littleEndian),
          view,
          at,
          next,
          position,
          block,
        );
        break;
      case SIMPLE_PACKET:
        this.#readSimplePacket(view, at, next, position, block);
        break;
    }
  }

  #readInterface(view: DataView, at: number, next: number, position: number): Interface {
    checkRoom(next - at, 16, position + at);
    return {
      linkType: view.getUint16(at + 8, this.#littleEndian),
      snapLength: view.getUint32(at + 12, this.#littleEndian),
      offset: position + at,
      unitsPerSecond: this.#readResolution(view, at + 16, next - TRAILER),
    };
  }

  /** From the options that lie there. By default microseconds. */
  #readResolution(view: DataView, start: number, end: number): bigint {
    for (let at = start; at + 4 <= end; ) {
      const code = view.getUint16(at, this.#littleEndian);
      const length = view.getUint16(at + 2, this.#littleEndian);
      if (code === OPTION_TIME_RESOLUTION && length >= 1 && at + 4 < end) {
        const exponent = view.getUint8(at + 4);
        return exponent & 0x80 ? 2n ** BigInt(exponent & 0x7f) : 10n ** BigInt(exponent);
      }
      at += 4 + 4 * Math.ceil(length / 4);
    }
    return 1_000_000n;
  }

  #readPacket(
    index: number,
    view: DataView,
    at: number,
    next: number,
    position: number,
    block: CaptureBlock,
  ): void {
    const from = this.#interfaceOf(index, position + at);
    const length = view.getUint32(at + 20, this.#littleEndian);
    checkLength(length, position + at);
    checkRoom(next - at, PACKET_HEADER + length, position + at);
    const high = view.getUint32(at + 12, this.#littleEndian);
    const low = view.getUint32(at + 16, this.#littleEndian);
    this.#lastTimeNs = this.#timeOf(from, high, low);
    const original = view.getUint32(at + 24, this.#littleEndian);
    block.add(at + PACKET_HEADER, length, original, this.#lastTimeNs);
  }

  /** It has no time: that of the one before it. */
  #readSimplePacket(
    view: DataView,
    at: number,
    next: number,
    position: number,
    block: CaptureBlock,
  ): void {
    checkRoom(next - at, 12, position + at);
    const { snapLength } = this.#interfaceOf(0, position + at);
    const original = view.getUint32(at + 8, this.#littleEndian);
    const length = snapLength === 0 ? original : Math.min(original, snapLength);
    checkLength(length, position + at);
    checkRoom(next - at, 12 + length, position + at);
    block.add(at + 12, length, original, this.#lastTimeNs);
  }

  #interfaceOf(index: number, offset: number): Interface {
    const found = this.#interfaces[index];
    if (found === undefined) {
      throw new CaptureDamage(offset, `a frame of interface ${index}, which is not described`);
    }
    checkLinkType(found.linkType, found.offset);
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
    const ns = (units * 1_000_000_000n) / from.unitsPerSecond;
    this.#firstNs ??= ns;
    return { high, low, timeNs: Number(ns - this.#firstNs) };
  }
}

/** `needed`: bytes before what ends the block. */
function checkRoom(length: number, needed: number, offset: number): void {
  if (length >= needed + TRAILER) return;
  throw new CaptureDamage(offset, `a block of ${length} bytes, too few for what it says`);
}
