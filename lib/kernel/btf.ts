/** One name of an enum and its value, as an unsigned 32-bit number. */
export interface Enumerator {
  readonly name: string;
  readonly value: number;
}

// include/uapi/linux/btf.h
const MAGIC = 0xeb9f;
const KIND_ENUM = 6;
const KIND_ENUM64 = 19;

/** 32-bit words behind a struct btf_type of each kind, and for each of its `vlen` members. */
const FIXED_WORDS = Uint8Array.of(0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0);
const MEMBER_WORDS = Uint8Array.of(0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3);

/**
 * The enums of a BTF blob, read in place. BTF is in the byte order of its machine, as typed arrays
 * are. Nothing is kept but views of `bytes`.
 */
export class Btf {
  readonly #types: Uint32Array;
  readonly #strings: Buffer;
  readonly #base: Btf | undefined;
  /** Number of the first string of this blob. */
  readonly #stringsFrom: number;

  /**
   * `base`: for the split BTF of a module, that of vmlinux; its strings are numbered on from there.
   * Throws RangeError when `bytes` is not BTF of this byte order.
   */
  constructor(bytes: Uint8Array, base?: Btf) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const order = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
    if (view.getUint16(0, order) !== MAGIC) throw new RangeError('No BTF of this byte order');
    // struct btf_header: hdr_len, type_off, type_len, str_off, str_len; offsets count from its end.
    const word = (index: number) => view.getUint32(4 + 4 * index, order);
    const headerEnd = word(0);
    const typesAt = headerEnd + word(1);
    const stringsAt = headerEnd + word(3);
    if (typesAt + word(2) > bytes.length) throw new RangeError('The types of the BTF are cut');
    this.#types = words(bytes.subarray(typesAt, typesAt + word(2)));
    if (stringsAt + word(4) > bytes.length) throw new RangeError('The strings of the BTF are cut');
    this.#strings = Buffer.from(bytes.buffer, bytes.byteOffset + stringsAt, word(4));
    this.#base = base;
    this.#stringsFrom = base === undefined ? 0 : base.#stringsFrom + base.#strings.length;
  }

  /** The enums whose name is `suffix` or ends with it. `members` reads them when it is called. */
  *enums(suffix: string): Generator<{ name: string; members: () => Enumerator[] }> {
    const names = this.#namesEnding(suffix);
    const types = this.#types;
    for (let at = 0; at + 3 <= types.length; ) {
      // struct btf_type: name_off, info, size or type. info: vlen in bits 0-15, kind in bits 24-28.
      const info = types[at + 1] ?? 0;
      const kind = (info >>> 24) & 0x1f;
      const length = info & 0xffff;
      if (kind >= FIXED_WORDS.length) return; // A kind from the future: its size is not known.
      const perMember = MEMBER_WORDS[kind] ?? 0;
      if (kind === KIND_ENUM || kind === KIND_ENUM64) {
        const name = names.get(types[at] ?? 0);
        const first = at + 3;
        if (name !== undefined) {
          yield { name, members: () => this.#enumerators(first, length, perMember) };
        }
      }
      at += 3 + (FIXED_WORDS[kind] ?? 0) + length * perMember;
    }
  }

  /** struct btf_enum: name_off, val. struct btf_enum64: name_off, val_lo32, val_hi32. */
  #enumerators(first: number, length: number, words: number): Enumerator[] {
    return Array.from({ length }, (_, index) => {
      const at = first + index * words;
      return { name: this.#string(this.#types[at] ?? 0), value: this.#types[at + 1] ?? 0 };
    });
  }

  /** Offsets of the strings that end with `suffix`: few, so that the scan makes no other string. */
  #namesEnding(suffix: string): Map<number, string> {
    const names = new Map(this.#base === undefined ? [] : this.#base.#namesEnding(suffix));
    const needle = `${suffix}\0`;
    let found = this.#strings.indexOf(needle, 0, 'latin1');
    for (; found !== -1; found = this.#strings.indexOf(needle, found + 1, 'latin1')) {
      const start = this.#strings.lastIndexOf(0, found) + 1;
      names.set(
        this.#stringsFrom + start,
        this.#strings.toString('latin1', start, found + suffix.length),
      );
    }
    return names;
  }

  #string(offset: number): string {
    if (this.#base !== undefined && offset < this.#stringsFrom) return this.#base.#string(offset);
    const start = offset - this.#stringsFrom;
    return this.#strings.toString('latin1', start, this.#strings.indexOf(0, start));
  }
}

function words(bytes: Uint8Array): Uint32Array {
  // Buffer.slice() would be a view as unaligned as this one.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2);
}
