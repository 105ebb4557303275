import { formatMacAddress } from '../ethernet/mac-address.ts';
import { type VlanTag, vlanTag } from '../ethernet/vlan.ts';
import type { CounterName, DropCounter, DropEvent, ProbeName } from './drop-event.ts';

/**
 * Where the fields of struct drop_record lie (native/kernel/drop_record.h), in bytes from its start.
 * Each is aligned to its size, in host byte order: little-endian on every platform of the addon.
 */
const AT = {
  timestampNs: 0,
  location: 8,
  counterAfter: 16,
  ifindex: 24,
  netns: 28,
  reason: 32,
  length: 36,
  cpu: 40,
  headerLength: 42,
  etherType: 44,
  vlanProtocol: 46,
  vlanTci: 48,
  counter: 50,
  isEthernet: 51,
  destination: 52,
  source: 58,
  interface: 64,
  header: 80,
} as const;

/** enum drop_counter; any other number: the drop moved no counter. */
export const COUNTER_NAMES: readonly CounterName[] = [
  'rx_dropped',
  'tx_dropped',
  'rx_nohandler',
  'rx_otherhost_dropped',
];

/** SKB_NOT_DROPPED_YET; also what a kernel without reasons gives. */
export const NO_REASON = 0;

/** What a record does not say by itself. */
export interface RecordContext {
  readonly probe: ProbeName;
  /** Bytes from one record to the next: a multiple of 8. */
  readonly recordBytes: number;
  /** The name of a drop reason. */
  reasonName(reason: number): string;
  /** The function at an address, given as its lower and upper 32 bits; undefined: not known. */
  functionName(low: number, high: number): string | undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Wall clocks that differ by less are the same: both are read in milliseconds. */
const SAME_CLOCK_MS = 2;

/** Records that lie end to end, as the kernel wrote them. They are decoded one by one, on reading. */
export class DropRecords {
  readonly probe: ProbeName;
  /** Whether somebody keeps these records, so that their buffer must not be written again. */
  isKept = false;
  readonly #buffer: ArrayBuffer;
  #count: number;
  readonly #context: RecordContext;
  /** Wall clock less CLOCK_MONOTONIC when the records came, in milliseconds. */
  readonly #wallClockMs: number;
  #decoder: RecordDecoder | undefined;

  /** `count`: how many records the buffer begins with. */
  constructor(
    buffer: ArrayBuffer,
    count: number,
    context: RecordContext,
    wallClockMs: number = Date.now() - Number(process.hrtime.bigint()) / 1e6,
  ) {
    this.probe = context.probe;
    this.#buffer = buffer;
    this.#count = count;
    this.#context = context;
    this.#wallClockMs = wallClockMs;
  }

  /** How many. */
  get count(): number {
    return this.#count;
  }

  get bytesPerRecord(): number {
    return this.#context.recordBytes;
  }

  /** Bytes of memory that these records hold. */
  get heldBytes(): number {
    return this.#buffer.byteLength;
  }

  /** The drop in the record at `index`, which must be one of 0 to `count - 1`. */
  decode(index: number): DropEvent {
    this.#decoder ??= new RecordDecoder(this.#buffer, this.#context, this.#wallClockMs);
    return this.#decoder.decode(index);
  }

  /** The same records from `start` up to but not including `end`, with room for `capacity` records. */
  copy(start: number, end: number, capacity: number): DropRecords {
    const { recordBytes } = this.#context;
    const copy = new DropRecords(
      new ArrayBuffer(capacity * recordBytes),
      0,
      this.#context,
      this.#wallClockMs,
    );
    copy.append(this, start, end);
    copy.isKept = true;
    return copy;
  }

  /** Copies records of `from` behind these. False: there is no room, or they are of another kind or clock. */
  append(from: DropRecords, start: number, end: number): boolean {
    const { recordBytes } = this.#context;
    const at = this.#count * recordBytes;
    const bytes = (end - start) * recordBytes;
    if (at + bytes > this.#buffer.byteLength || !this.#isLike(from)) return false;
    new Uint8Array(this.#buffer, at).set(new Uint8Array(from.#buffer, start * recordBytes, bytes));
    this.#count += end - start;
    return true;
  }

  #isLike(other: DropRecords): boolean {
    const apartMs = Math.abs(this.#wallClockMs - other.#wallClockMs);
    return this.#context === other.#context && apartMs < SAME_CLOCK_MS;
  }
}

class RecordDecoder {
  readonly #context: RecordContext;
  readonly #wallClockMs: number;
  readonly #u8: Uint8Array;
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;
  /** Names of interfaces, and the record that has the bytes of each, by ifindex. */
  readonly #interfaces = new Map<number, { record: number; name: string }>();

  constructor(buffer: ArrayBuffer, context: RecordContext, wallClockMs: number) {
    this.#context = context;
    this.#wallClockMs = wallClockMs;
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#u64 = new BigUint64Array(buffer);
  }

  decode(index: number): DropEvent {
    const record = index * this.#context.recordBytes;
    const at32 = record >>> 2;
    const u32 = this.#u32;
    const timestampNs = this.#u64[record >>> 3] ?? 0n;
    const ifindex = u32[at32 + AT.ifindex / 4] ?? 0;
    const headerLength = this.#u16[(record + AT.headerLength) >>> 1] ?? 0;
    const isEthernet = this.#u8[record + AT.isEthernet] === 1;
    const header = record + AT.header;
    const end = record + this.#context.recordBytes;
    const event: Mutable<DropEvent> = {
      probe: this.#context.probe,
      time: new Date(this.#wallClockMs + Number(timestampNs) / 1e6),
      timestampNs,
      interface: this.#interfaceName(ifindex, record),
      ifindex,
      netns: u32[at32 + AT.netns / 4] ?? 0,
      cpu: this.#u16[(record + AT.cpu) >>> 1] ?? 0,
      source: isEthernet ? formatMacAddress(this.#u8, record + AT.source) : '',
      destination: isEthernet ? formatMacAddress(this.#u8, record + AT.destination) : '',
      etherType: this.#u16[(record + AT.etherType) >>> 1] ?? 0,
      length: u32[at32 + AT.length / 4] ?? 0,
      // A copy: whoever keeps the drop does not keep its batch.
      header: this.#u8.slice(header, Math.min(header + headerLength, end)),
    };
    const vlan = this.#vlan(record);
    if (vlan !== undefined) event.vlan = vlan;
    const counter = this.#counter(record);
    if (counter !== undefined) event.counter = counter;
    const reason = u32[at32 + AT.reason / 4] ?? NO_REASON;
    if (reason !== NO_REASON) event.reason = this.#context.reasonName(reason);
    const location = this.#context.functionName(
      u32[at32 + AT.location / 4] ?? 0,
      u32[at32 + AT.location / 4 + 1] ?? 0,
    );
    if (location !== undefined) event.location = location;
    return event;
  }

  #vlan(record: number): VlanTag | undefined {
    const protocol = this.#u16[(record + AT.vlanProtocol) >>> 1] ?? 0;
    if (protocol === 0) return undefined;
    return vlanTag(protocol, this.#u16[(record + AT.vlanTci) >>> 1] ?? 0);
  }

  #counter(record: number): DropCounter | undefined {
    const name = COUNTER_NAMES[this.#u8[record + AT.counter] ?? COUNTER_NAMES.length];
    if (name === undefined) return undefined;
    const after = this.#u64[(record + AT.counterAfter) >>> 3] ?? 0n;
    return { name, before: after - 1n, after };
  }

  #interfaceName(ifindex: number, record: number): string {
    const known = this.#interfaces.get(ifindex);
    // An interface may be renamed between two drops, and every namespace has an interface 1.
    if (known !== undefined && this.#sameInterfaceName(known.record, record)) return known.name;
    const start = record + AT.interface;
    const bytes = Buffer.from(this.#u8.buffer, start, AT.header - AT.interface);
    const name = bytes.toString('utf8', 0, bytes.indexOf(0));
    this.#interfaces.set(ifindex, { record, name });
    return name;
  }

  #sameInterfaceName(a: number, b: number): boolean {
    for (let at = AT.interface; at < AT.header; at += 4) {
      if (this.#u32[(a + at) >>> 2] !== this.#u32[(b + at) >>> 2]) return false;
    }
    return true;
  }
}
