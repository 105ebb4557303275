import { PROBE_NAMES, type ProbeName } from '../drops/drop-event.ts';
import { ArgumentError, ProbeError } from '../errors.ts';
import { countersProbe } from './counters.ts';
import { dropMonitorProbe } from './drop-monitor/drop-monitor.ts';
import { ebpfProbe } from './ebpf.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';

/** SystemTap's is loaded when it is asked for: with what drives processes, which nobody else needs. */
const PROBES: Readonly<Record<ProbeName, () => Promise<DropProbe>>> = {
  ebpf: async () => ebpfProbe,
  systemtap: async () => (await import('./systemtap/systemtap.ts')).systemtapProbe,
  'drop-monitor': async () => dropMonitorProbe,
  counters: async () => countersProbe,
};

/**
 * What works here: one report for each probe, the best first. A probe is tried, not guessed at:
 * the eBPF program is loaded, armed and taken away again; of SystemTap it is seen whether all that it
 * needs is here; the drop monitor is asked whether it is there and idle.
 */
export async function checkProbes(): Promise<readonly ProbeReport[]> {
  const reports: ProbeReport[] = [];
  for (const name of PROBE_NAMES) {
    const probe = await PROBES[name]();
    reports.push(await probe.check());
  }
  return reports;
}

/** A probe that is armed, and why those were passed over that come before it. */
export interface StartedProbe {
  readonly running: RunningProbe;
  readonly passedOver: readonly ProbeError[];
}

/**
 * Starts the first of `names` that works here, and resolves once it is armed. Throws the ProbeError
 * of the first of them when none does.
 */
export async function startProbe(
  names: readonly ProbeName[],
  options: ProbeOptions,
  sink: ProbeSink,
): Promise<StartedProbe> {
  const failures: ProbeError[] = [];
  for (const name of names) {
    const probe = await PROBES[name]().catch((error: unknown) => {
      // Why one was refused says more than what keeps the next from being loaded: no descriptors, say.
      throw failures[0] ?? error;
    });
    try {
      return { running: await probe.start(options, sink), passedOver: failures };
    } catch (error) {
      // What is wrong with the call, and not with the probe.
      if (error instanceof ArgumentError) throw error;
      if (!(error instanceof ProbeError)) throw failures[0] ?? error;
      failures.push(error);
    }
  }
  throw failures[0];
}
