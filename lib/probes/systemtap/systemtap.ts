import { statSync } from 'node:fs';
import { release } from 'node:os';
import { DropscopeError, ProbeError } from '../../errors.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from '../probe.ts';
import { explainStap, missingFor } from './explain-stap.ts';
import { removeIdle } from './loaded-modules.ts';
import { mendFor } from './mends.ts';
import { scriptGlobals } from './script-globals.ts';
import { ScriptRun } from './script-run.ts';
import { type BuildOptions, buildModule, StapFailure, stapVersion } from './stap.ts';

/** Sees drops by a SystemTap script: a kernel module that is compiled when it is first used. */
export const systemtapProbe: DropProbe = {
  name: 'systemtap',

  async check(): Promise<ProbeReport> {
    try {
      const version = await checkMachine(release());
      const mend = await mendFor(version, release());
      return {
        probe: 'systemtap',
        available: true,
        remarks: mend === undefined ? [] : [mend.what],
      };
    } catch (error) {
      const told = error instanceof StapFailure ? explainStap(error) : error;
      if (!(told instanceof DropscopeError)) throw told;
      const { reason, mend } = told;
      return { probe: 'systemtap', available: false, reason, mend, remarks: [] };
    }
  },

  start,
};

async function start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
  checkOptions(options);
  const { signal } = options;
  const globals = scriptGlobals(options, statSync('/proc/self/ns/net').ino);
  const path = options.module ?? (await build(options));
  // What was killed earlier, if there was something.
  await removeIdle(path);
  signal?.throwIfAborted();
  const run = new ScriptRun(path, globals, sink);
  try {
    await run.open(signal);
  } catch (error) {
    await run.close();
    throw error;
  }
  return run;
}

function build({ signal, onProgress }: ProbeOptions): Promise<string> {
  return buildProbeModule({
    release: release(),
    signal,
    onStep: (step) => onProgress?.({ probe: 'systemtap', step }),
  });
}

/** Compiles the probe's module, for this kernel or another, and gives its path. */
export async function buildProbeModule(options: BuildOptions): Promise<string> {
  try {
    await checkMachine(options.release);
    return await buildModule(options);
  } catch (error) {
    throw error instanceof StapFailure ? explainStap(error, { kernel: options.release }) : error;
  }
}

/** What the script cannot tell it cannot filter by. */
function checkOptions({ scope, reasons }: ProbeOptions): void {
  if (scope === 'all') {
    throw cannot('sees only drops that raised a counter', "Leave out scope: 'all'.");
  }
  if (reasons.length > 0) throw cannot('does not know reasons', 'Leave out the filter by reason.');
}

function cannot(what: string, mend: string): ProbeError {
  const reason = `The systemtap probe ${what}.`;
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'systemtap', { reason, mend });
}

/** Whether the module can be compiled: gives SystemTap's version. */
async function checkMachine(kernel: string): Promise<readonly [number, number]> {
  const version = await stapVersion();
  const missing = missingFor(kernel);
  if (missing !== undefined) {
    throw new ProbeError('ERR_PROBE_UNAVAILABLE', 'systemtap', missing);
  }
  return version;
}
