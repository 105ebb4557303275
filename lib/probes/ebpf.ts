import { DropscopeError, invalidArgument, isRawSystemError, ProbeError } from '../errors.ts';
import { DropReasons } from '../kernel/drop-reasons.ts';
import { thisMachine } from '../kernel/machine.ts';
import { KernelSymbols } from '../kernel/symbols.ts';
import { native } from '../native.ts';
import { EbpfTracing } from './ebpf-tracing.ts';
import { explainEbpfFailure } from './explain-ebpf.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';
import { LEAST_RING_BYTES, TRIAL_OPTIONS, TRIAL_SINK } from './trial.ts';

/** Sees drops by an eBPF program on the tracepoint skb:kfree_skb. */
export const ebpfProbe: DropProbe = {
  name: 'ebpf',

  async check(): Promise<ProbeReport> {
    try {
      const running = await start(TRIAL_OPTIONS, TRIAL_SINK);
      await running.close();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      const { reason, mend } = error;
      return { probe: 'ebpf', available: false, reason, mend, remarks: [], details: [] };
    }
    return { probe: 'ebpf', available: true, remarks: remarks(), details: [] };
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
  const { scope, networkNamespace, ringBytes, ...rest } = options;
  const tracing = new EbpfTracing(
    (onRecord) =>
      new DropTracer(
        {
          ...rest,
          networkNamespace,
          reasons,
          allDrops: scope === 'all',
          ringBytes: options.summary ? LEAST_RING_BYTES : ringBytes,
        },
        onRecord,
      ),
    sink,
    options,
  );
  try {
    await tracing.open();
  } catch (error) {
    throw refused(error);
  }
  // Read now, in the background, so that the first drop need not wait for it.
  void KernelSymbols.ofThisKernel().load();
  return tracing;
}

function refused(cause: unknown): ProbeError {
  if (isRawSystemError(cause)) {
    const { code, ...explanation } = explainEbpfFailure(cause, thisMachine());
    return new ProbeError(code, 'ebpf', explanation, { cause, stderr: cause.log ?? '' });
  }
  // What the addon itself cannot do, or not now.
  const reason = `${cause instanceof Error ? cause.message : cause}.`;
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'ebpf', { reason, mend: '' }, { cause });
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
