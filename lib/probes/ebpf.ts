import { RecordBatch } from '../drops/drop-batch.ts';
import { DropRecords, type RecordContext } from '../drops/drop-record.ts';
import {
  DropscopeError,
  invalidArgument,
  isRawSystemError,
  ProbeError,
  type RawSystemError,
  systemCallFailed,
} from '../errors.ts';
import { DropReasons } from '../kernel/drop-reasons.ts';
import { KernelSymbols } from '../kernel/symbols.ts';
import { type DropTracer, native } from '../native.ts';
import { explainEbpfFailure, thisMachine } from './explain-ebpf.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';

/** While drops keep coming, the ring is read this often. */
const BUSY_INTERVAL_MS = 3;

/** Most records that one turn of the event loop takes out of the ring. */
const RECORDS_PER_TURN = 16_384;

/** What check() arms, and disarms at once. */
const SMALLEST: ProbeOptions = {
  scope: 'counted',
  ifindexes: [],
  sources: [],
  destinations: [],
  etherTypes: [],
  reasons: [],
  headerBytes: 0,
  ringBytes: 65_536,
};

/** Sees drops by an eBPF program on the tracepoint skb:kfree_skb. */
export const ebpfProbe: DropProbe = {
  name: 'ebpf',

  async check(): Promise<ProbeReport> {
    try {
      const running = await start(SMALLEST, { batch() {}, lost() {}, failed() {} });
      running.close();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      const { reason, mend } = error;
      return { probe: 'ebpf', available: false, reason, mend, remarks: [] };
    }
    return { probe: 'ebpf', available: true, remarks: remarks() };
  },

  start,
};

function remarks(): string[] {
  if (!KernelSymbols.ofThisKernel().hidden) return [];
  return [
    'The kernel hides its addresses from this process, so drops have no location. ' +
      'Grant CAP_SYSLOG; where kernel.kptr_restrict is 2, set it to 1.',
  ];
}

async function start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
  const { DropTracer } = native();
  const reasons = options.reasons.map(reasonNumber);
  const { scope, ...rest } = options;
  const tracing = new EbpfTracing(
    (onRecord) => new DropTracer({ ...rest, reasons, allDrops: scope === 'all' }, onRecord),
    sink,
  );
  try {
    await tracing.open();
  } catch (error) {
    if (!isRawSystemError(error)) throw error;
    throw refused(error);
  }
  // Read now, in the background, so that the first drop need not wait for it.
  void KernelSymbols.ofThisKernel().load();
  return tracing;
}

function refused(error: RawSystemError): ProbeError {
  const { code, ...explanation } = explainEbpfFailure(error, thisMachine());
  return new ProbeError(code, 'ebpf', explanation, { cause: error });
}

/** A reason by its name, or by its number where it has no name here: as drops show it. */
function reasonNumber(reason: string): number {
  const known = DropReasons.ofThisKernel();
  const number = /^\d+$/.test(reason) ? Number(reason) : known.numberOf(reason);
  if (number !== undefined && number >= 1 && number <= 0xffffffff) return number;
  const expected = 'a drop reason of this kernel';
  throw invalidArgument('options.reason', expected, reason, otherReasons(reason, known));
}

function otherReasons(reason: string, known: DropReasons): string {
  if (known.size === 0) return 'It has no names of reasons.';
  const like = known.like(reason);
  const meant = like.length === 0 ? '' : `Did you mean ${like.join(' or ')}? `;
  return `${meant}It has ${known.size}: bpftool btf dump file /sys/kernel/btf/vmlinux | grep DROP_REASON_`;
}

/** The tracer and the rhythm in which its ring is read. */
class EbpfTracing implements RunningProbe {
  readonly name = 'ebpf';
  readonly #tracer: DropTracer;
  readonly #sink: ProbeSink;
  #context: RecordContext | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #referenced = true;
  #lost = 0;
  #closed = false;
  #failed = false;

  constructor(makeTracer: (onRecord: () => void) => DropTracer, sink: ProbeSink) {
    this.#tracer = makeTracer(() => this.#turn());
    this.#sink = sink;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#tracer.open((error) => (error === undefined ? resolve() : reject(error)));
    });
    const reasons = DropReasons.ofThisKernel;
    this.#context = {
      probe: this.name,
      recordBytes: this.#tracer.recordBytes,
      reasonName: (reason) => reasons().nameOf(reason) ?? String(reason),
      functionName: (low, high) => KernelSymbols.ofThisKernel().nameOf(low, high),
    };
    // Not at once: whoever started this listens when it has it in hand.
    this.#immediate = setImmediate(() => this.#turn());
  }

  /**
   * Takes what the ring has. While there is something, comes again on its own: at once if there was
   * more than one turn takes, else after a pause. When there is nothing, asks to be woken.
   */
  #turn(): void {
    const count = this.#deliver();
    if (this.#closed || this.#failed) return;
    if (count === 0 && this.#tracer.wakeOnNext()) return;
    if (count > 0 && count < RECORDS_PER_TURN) {
      this.#timer = setTimeout(() => this.#turn(), BUSY_INTERVAL_MS);
    } else {
      this.#immediate = setImmediate(() => this.#turn());
    }
    this.#applyReference();
  }

  /** Returns how many records there were. */
  #deliver(): number {
    const buffer = this.#try(() => this.#tracer.drain(RECORDS_PER_TURN));
    this.#tellLost();
    if (buffer === undefined || this.#context === undefined) return 0;
    const records = new DropRecords(buffer, this.#context);
    this.#sink.batch(new RecordBatch(records));
    return records.count;
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

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    try {
      this.#try(() => this.#tracer.detach());
      while (this.#deliver() > 0);
    } finally {
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
