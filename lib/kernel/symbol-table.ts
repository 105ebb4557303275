const NEWLINE = 0x0a;
const TAB = 0x09;

/**
 * The functions of a kernel, parsed from the text of /proc/kallsyms as it arrives:
 * `ffffffff81eb7200 t __netif_receive_skb_core.constprop.0`, and `\t[module]` behind that.
 *
 * Addresses come as two unsigned 32-bit halves and are kept as one double each, counted from the
 * upper half of the first function: exact within 2^53 bytes of it, and a kernel is smaller.
 */
export class SymbolTable {
  /** The text so far. */
  #text = Buffer.allocUnsafeSlow(8 << 20);
  #length = 0;
  #parsed = 0;

  #addresses = new Float64Array(1 << 17);
  /** Where in the text each name begins. */
  #names = new Uint32Array(1 << 17);
  #count = 0;

  #baseHigh = 0;
  #imageStart = Number.POSITIVE_INFINITY;
  #imageEnd = Number.NEGATIVE_INFINITY;

  /** How many functions there are so far. */
  get size(): number {
    return this.#count;
  }

  /** True: the first function has address zero, which is how the kernel hides them all. */
  get hidden(): boolean {
    return this.#count > 0 && this.#baseHigh === 0 && this.#addresses[0] === 0;
  }

  /** Takes the next bytes of the text, cut anywhere. */
  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#text.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#text.length + bytes.length);
      larger.set(this.#text.subarray(0, this.#length));
      this.#text = larger;
    }
    this.#text.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#parse();
  }

  /** An address as the number that this table counts by. */
  addressOf(low: number, high: number): number {
    return (high - this.#baseHigh) * 2 ** 32 + low;
  }

  /**
   * The function at or nearest below an address, without the suffixes that compilers append
   * (`.constprop.0`, `.isra.0`, `.part.0`, `.cold`, `.llvm.123`). Undefined below the first.
   */
  nameAt(address: number): string | undefined {
    // Up to the module's tag, or the first suffix: a C identifier has no dot.
    return /^\.?[^.\t]*/.exec(this.#lineAt(address) ?? '')?.[0] || undefined;
  }

  /**
   * The module of the function at or nearest below an address; '' for the kernel's image. BPF programs
   * are in `bpf`, which is no module.
   */
  moduleAt(address: number): string {
    return /\t\[(.*)\]$/.exec(this.#lineAt(address) ?? '')?.[1] ?? '';
  }

  /** Whether an address lies in the kernel's own image: not in a module or a BPF program. */
  inImage(address: number): boolean {
    return address >= this.#imageStart && address <= this.#imageEnd;
  }

  #parse(): void {
    const text = this.#text;
    const end = this.#length;
    let line = this.#parsed;
    while (line < end) {
      let at = line;
      let high = 0;
      let low = 0;
      // Digits to the space: sixteen, or eight on a 32-bit kernel.
      for (let digit = text[at] ?? 0; digit > 0x20 && at < end; digit = text[++at] ?? 0) {
        high = ((high << 4) | (low >>> 28)) >>> 0;
        low = ((low << 4) | (digit < 0x3a ? digit - 0x30 : digit - 0x57)) >>> 0;
      }
      const name = at + 3;
      const type = (text[at + 1] ?? 0) | 0x20;
      at = name;
      while (at < end && text[at] !== NEWLINE && text[at] !== TAB) at++;
      const inModule = text[at] === TAB;
      while (at < end && text[at] !== NEWLINE) at++;
      if (at >= end) break;
      // nm(1): T and t are in the text section, W and w are weak.
      if (type === 0x74 || type === 0x77) this.#add(low, high, name, inModule);
      line = at + 1;
    }
    this.#parsed = line;
  }

  #add(low: number, high: number, name: number, inModule: boolean): void {
    if (this.#count === 0) this.#baseHigh = high;
    if (this.#count === this.#names.length) this.#grow();
    const address = this.addressOf(low, high);
    this.#addresses[this.#count] = address;
    this.#names[this.#count++] = name;
    if (inModule) return;
    this.#imageStart = Math.min(this.#imageStart, address);
    this.#imageEnd = Math.max(this.#imageEnd, address);
  }

  #grow(): void {
    const addresses = new Float64Array(2 * this.#count);
    addresses.set(this.#addresses);
    this.#addresses = addresses;
    const names = new Uint32Array(2 * this.#count);
    names.set(this.#names);
    this.#names = names;
  }

  /** The name of the function at or nearest below an address, and its module's tag. */
  #lineAt(address: number): string | undefined {
    // Modules are not in order, and there are few distinct addresses to ask for: so no sorting and
    // one pass. Of several names for one address the first counts, as in the kernel's own lookup.
    const addresses = this.#addresses;
    let nearest = Number.NEGATIVE_INFINITY;
    let index = -1;
    for (let i = 0; i < this.#count; i++) {
      const candidate = addresses[i] ?? 0;
      if (candidate <= address && candidate > nearest) {
        nearest = candidate;
        index = i;
      }
    }
    if (index < 0) return undefined;
    const start = this.#names[index] ?? 0;
    return this.#text.toString('latin1', start, this.#text.indexOf(NEWLINE, start));
  }
}
