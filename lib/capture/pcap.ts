import type { CaptureBlock } from './capture-block.ts';
import { CaptureDamage, type CaptureParser, checkLength, checkLinkType } from './capture-parser.ts';

/** pcap-savefile(5), in bytes. */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** By the first four bytes of the file, in big-endian order. */
const VARIANTS: Readonly<Record<number, { littleEndian: boolean; fractionNs: number }>> = {
  [0xa1b2c3d4]: { littleEndian: false, fractionNs: 1000 },
  [0xa1b23c4d]: { littleEndian: false, fractionNs: 1 },
  [0xd4c3b2a1]: { littleEndian: true, fractionNs: 1000 },
  [0x4d3cb2a1]: { littleEndian: true, fractionNs: 1 },
};

/** A parser of what begins with these bytes; undefined where that is no pcap file. */
export function pcapParser(magic: number): CaptureParser | undefined {
  const variant = VARIANTS[magic];
  return variant && new PcapParser(variant.littleEndian, variant.fractionNs);
}

class PcapParser implements CaptureParser {
  readonly #littleEndian: boolean;
  /** Of what a record counts beside the seconds. */
  readonly #fractionNs: number;
  #first: { readonly seconds: number; readonly fraction: number } | undefined;

  constructor(littleEndian: boolean, fractionNs: number) {
    this.#littleEndian = littleEndian;
    this.#fractionNs = fractionNs;
  }

  parse(bytes: Buffer, position: number, block: CaptureBlock): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (position === 0 && bytes.length < FILE_HEADER) return 0;
    let at = position === 0 ? this.#readHeader(view) : 0;
    while (at + RECORD_HEADER <= bytes.length) {
      const length = view.getUint32(at + 8, this.#littleEndian);
      checkLength(length, position + at);
      const next = at + RECORD_HEADER + length;
      if (next > bytes.length) break;
      const original = view.getUint32(at + 12, this.#littleEndian);
      block.add(at + RECORD_HEADER, length, original, this.#timeOf(view, at));
      at = next;
    }
    return at;
  }

  #readHeader(view: DataView): number {
    const major = view.getUint16(4, this.#littleEndian);
    if (major !== 2) throw new CaptureDamage(4, `version ${major} of the pcap format, not 2`);
    // The upper bits say whether the frames have a checksum at their end.
    const linkType = view.getUint32(20, this.#littleEndian);
    checkLinkType(linkType & 0xffff, 20);
    if (linkType >>> 28 !== 0) throw new CaptureDamage(20, 'its frames end with a checksum (FCS)');
    return FILE_HEADER;
  }

  #timeOf(view: DataView, at: number): number {
    const seconds = view.getUint32(at, this.#littleEndian);
    const fraction = view.getUint32(at + 4, this.#littleEndian);
    this.#first ??= { seconds, fraction };
    const fractions = fraction - this.#first.fraction;
    return (seconds - this.#first.seconds) * 1e9 + fractions * this.#fractionNs;
  }
}
