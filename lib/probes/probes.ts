import { PROBE_NAMES, type ProbeName } from '../drops/drop-event.ts';
import { ProbeError } from '../errors.ts';
import { ebpfProbe } from './ebpf.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';

const PROBES: Readonly<Record<ProbeName, DropProbe>> = { ebpf: ebpfProbe };

/**
 * What works here: one report for each probe, the best first. A probe is tried, not guessed at:
 * the eBPF program is loaded, armed and taken away again.
 */
export async function checkProbes(): Promise<readonly ProbeReport[]> {
  const reports: ProbeReport[] = [];
  for (const name of PROBE_NAMES) reports.push(await PROBES[name].check());
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
    try {
      return await PROBES[name].start(options, sink);
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      failures.push(error);
    }
  }
  throw failures[0];
}
