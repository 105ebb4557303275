import type { DropAccount } from '../drops/drop-account.ts';
import { RecordBatch } from '../drops/drop-batch.ts';
import { DropRecords, type RecordContext } from '../drops/drop-record.ts';
import { decodeTalkers } from '../drops/talker-record.ts';
import { isRawSystemError, systemCallFailed } from '../errors.ts';
import { DropReasons } from '../kernel/drop-reasons.ts';
import { KernelSymbols } from '../kernel/symbols.ts';
import type { DropTracer } from '../native.ts';
import { decodeAccounts } from './ebpf-accounts.ts';
import type { ProbeSink, RunningProbe } from './probe.ts';

/** While drops keep coming, the ring is read this often. */
const BUSY_INTERVAL_MS = 3;

/** How often lost drops are looked for while none is delivered. */
const LOST_INTERVAL_MS = 1000;

/** Most records that one turn of the event loop takes out of the ring. */
const RECORDS_PER_TURN = 16_384;

/** Most talkers that are told at once; the drops of the quieter ones are told in one number. */
const TALKERS_AT_ONCE = 2048;

/** While drops come, the driver's part of their links' counters is measured this often. */
const MEASURE_INTERVAL_MS = 250;

/** The tracer and the rhythm in which its ring is read. */
export class EbpfTracing implements RunningProbe {
  readonly name = 'ebpf';
  readonly #tracer: DropTracer;
  readonly #sink: ProbeSink;
  readonly #summary: boolean;
  #context: RecordContext | undefined;
  /** What was read last, if nobody keeps it. */
  #spare: ArrayBuffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lostTimer: NodeJS.Timeout | undefined;
  /** Nothing is read before the tracer calls back. */
  #asleep = false;
  #referenced = true;
  #lost = 0;
  /** The measurement that is under way. */
  #measuring: Promise<void> | undefined;
  #measuredMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  #failed = false;

  /** `summary`: whether the tracer counts by talker. */
  constructor(
    makeTracer: (onRecord: () => void) => DropTracer,
    sink: ProbeSink,
    { summary }: { readonly summary: boolean },
  ) {
    this.#summary = summary;
    this.#tracer = makeTracer(() => this.#turn());
    this.#sink = sink;
  }

  /** Loads, attaches and arms. When that fails, everything is freed. */
  async open(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#tracer.open((error) => (error === undefined ? resolve() : reject(error)));
      });
    } catch (error) {
      this.#tracer.close();
      throw error;
    }
    const reasons = DropReasons.ofThisKernel;
    this.#context = {
      probe: this.name,
      recordBytes: this.#tracer.recordBytes,
      reasonName: (reason) => reasons().nameOf(reason) ?? String(reason),
      functionName: (low, high) => KernelSymbols.ofThisKernel().nameOf(low, high),
    };
    // Not at once: whoever started this listens when it has it in hand.
    this.#immediate = setImmediate(() => this.#turn());
    this.#lostTimer = setInterval(() => this.#tellLost(), LOST_INTERVAL_MS).unref();
  }

  /** Takes what the ring has, and comes again. */
  #turn(): void {
    // There may be both: the tracer calls back, and a flush found that there is more.
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#comeAgain(this.#deliver());
  }

  /**
   * While drops come, the next turn comes on its own: at once if there were more than one turn takes,
   * else after a pause. When there is none, the tracer is asked to call back. `count`: how many there
   * were.
   */
  #comeAgain(count: number): void {
    if (this.#closed || this.#failed) return;
    this.#asleep = count === 0 && this.#try(() => this.#tracer.wakeOnNext()) === true;
    if (this.#asleep || this.#failed) return;
    if (count > 0 && count < RECORDS_PER_TURN) {
      this.#timer = setTimeout(() => this.#turn(), BUSY_INTERVAL_MS);
    } else {
      this.#immediate = setImmediate(() => this.#turn());
    }
    this.#applyReference();
  }

  /** Not while the last one is under way: it waits while somebody else changes links. */
  #measureNowAndThen(): void {
    const now = performance.now();
    if (this.#closed || this.#measuring !== undefined) return;
    if (now - this.#measuredMs < MEASURE_INTERVAL_MS) return;
    this.#measuredMs = now;
    void this.#measure(false);
  }

  /** One measurement after the other. */
  #measure(allLinks: boolean): Promise<void> {
    const measuring = this.#measureAfter(this.#measuring, allLinks);
    this.#measuring = measuring;
    void measuring.then(() => {
      if (this.#measuring === measuring) this.#measuring = undefined;
    });
    return measuring;
  }

  async #measureAfter(previous: Promise<void> | undefined, allLinks: boolean): Promise<void> {
    await previous;
    await new Promise<void>((resolve) => this.#tracer.measure(allLinks, resolve));
  }

  /** Returns how many records there were. */
  #deliver(): number {
    const buffer = this.#bufferFor(Math.min(RECORDS_PER_TURN, this.#tracer.waiting));
    const count = buffer === undefined ? 0 : this.#try(() => this.#tracer.drain(buffer));
    this.#tellLost();
    if (buffer === undefined || this.#context === undefined || !count) return 0;
    this.#measureNowAndThen();
    const records = new DropRecords(buffer, count, this.#context);
    this.#sink.batch(new RecordBatch(records));
    if (!records.isKept) this.#spare = buffer;
    return count;
  }

  /** A buffer for so many records that nobody has: the last one, where that is long enough. */
  #bufferFor(count: number): ArrayBuffer | undefined {
    const bytes = count * this.#tracer.recordBytes;
    if (bytes === 0) return undefined;
    const spare = this.#spare;
    this.#spare = undefined;
    return spare !== undefined && spare.byteLength >= bytes ? spare : new ArrayBuffer(bytes);
  }

  #tellLost(): void {
    const lost = this.#try(() => this.#tracer.lost()) ?? this.#lost;
    if (lost === this.#lost) return;
    this.#sink.lost({ probe: this.name, count: lost - this.#lost, where: 'kernel' });
    this.#lost = lost;
  }

  /** What the tracer answers. Where the kernel refuses that, the probe cannot go on. */
  #try<T>(ask: () => T): T | undefined {
    try {
      return ask();
    } catch (error) {
      if (!isRawSystemError(error)) throw error;
      this.#failed = true;
      this.#sink.failed(systemCallFailed(error, 'reading the drops'));
      return undefined;
    }
  }

  flush(): void {
    this.#takeTalkers();
    this.#tellLost();
    // What comes while this reads is not asked for.
    for (let rest = this.#tracer.waiting; rest > 0 && !this.#failed; ) {
      const count = this.#deliver();
      rest -= count;
      if (count === 0) break;
    }
    // The record that was to wake the reader may be among those that were just read.
    if (this.#asleep) this.#comeAgain(0);
  }

  async accounts(): Promise<DropAccount[]> {
    await this.#measure(true);
    return decodeAccounts(this.#try(() => this.#tracer.accounts()) ?? new ArrayBuffer(0));
  }

  #takeTalkers(): void {
    if (!this.#summary) return;
    const counts = this.#try(() => this.#tracer.takeTalkers(TALKERS_AT_ONCE));
    this.#tellLost();
    if (counts === undefined || this.#context === undefined) return;
    this.#sink.talkers({ ...counts, talkers: decodeTalkers(counts.talkers, this.#context) });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#lostTimer);
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    try {
      this.#try(() => this.#tracer.detach());
      this.#takeTalkers();
      // A record may still be being written on another CPU.
      while (this.#deliver() > 0 || (!this.#failed && this.#tracer.waiting > 0));
    } finally {
      // It holds the tracer's descriptors.
      await this.#measuring;
      this.#tracer.close();
    }
  }

  ref(): void {
    this.#referenced = true;
    this.#tracer.ref();
    this.#applyReference();
  }

  unref(): void {
    this.#referenced = false;
    this.#tracer.unref();
    this.#applyReference();
  }

  #applyReference(): void {
    for (const waiting of [this.#timer, this.#immediate]) {
      if (this.#referenced) waiting?.ref();
      else waiting?.unref();
    }
  }
}
