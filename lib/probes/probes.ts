import { PROBE_NAMES, type ProbeName } from '../drops/drop-event.ts';
import { ProbeError } from '../errors.ts';
import { ebpfProbe } from './ebpf.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';

/** SystemTap's is loaded when it is asked for: with what drives processes, which nobody else needs. */
const PROBES: Readonly<Record<ProbeName, () => Promise<DropProbe>>> = {
  ebpf: async () => ebpfProbe,
  systemtap: async () => (await import('./systemtap/systemtap.ts')).systemtapProbe,
};

/**
 * What works here: one report for each probe, the best first. A probe is tried, not guessed at:
 * the eBPF program is loaded, armed and taken away again; of SystemTap it is seen
 * whether all that it needs is here.
 */
export async function checkProbes(): Promise<readonly ProbeReport[]> {
  const reports: ProbeReport[] = [];
  for (const name of PROBE_NAMES) {
    const probe = await PROBES[name]();
    reports.push(await probe.check());
  }
  return reports;
}

/**
 * Starts the first of `names` that works here, and resolves once it is armed. Throws the ProbeError
 * of the first of them when none does.
 */
export async function startProbe(
  names: readonly ProbeName[],
  options: ProbeOptions,
  sink: ProbeSink,
): Promise<RunningProbe> {
  const failures: ProbeError[] = [];
  for (const name of names) {
    const probe = await PROBES[name]().catch((error: unknown) => {
      // Why one was refused says more than what keeps the next from being loaded: no descriptors, say.
      throw failures[0] ?? error;
    });
    try {
      return await probe.start(options, sink);
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      failures.push(error);
    }
  }
  throw failures[0];
}
