import { statSync } from 'node:fs';
import { release } from 'node:os';
import { DropscopeError, ProbeError } from '../../errors.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from '../probe.ts';
import { explainStap } from './explain-stap.ts';
import { removeIdle } from './loaded-modules.ts';
import { mendsFor } from './mends.ts';
import { whyNoModules } from './module-loading.ts';
import { findScriptPoints, probePointText } from './probe-points.ts';
import { scriptGlobals } from './script-globals.ts';
import { ScriptRun } from './script-run.ts';
import { type BuildOptions, buildModule, checkStaprun, StapFailure, stapVersion } from './stap.ts';

/** Sees drops by a SystemTap script: a kernel module that is compiled when it is first used. */
export const systemtapProbe: DropProbe = {
  name: 'systemtap',

  async check(): Promise<ProbeReport> {
    const details: string[] = [];
    try {
      const remarks = await checkMachine(release(), details);
      return { probe: 'systemtap', available: true, remarks, details };
    } catch (error) {
      const told = error instanceof StapFailure ? explainStap(error) : error;
      if (!(told instanceof DropscopeError)) throw told;
      const { reason, mend } = told;
      return { probe: 'systemtap', available: false, reason, mend, remarks: [], details };
    }
  },

  start,
};

async function start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
  checkOptions(options);
  const { signal, module } = options;
  const globals = scriptGlobals(options, statSync('/proc/self/ns/net').ino);
  try {
    // One that was built elsewhere may be signed.
    if (module === undefined) checkKernel();
    await checkStaprun();
    const path = module ?? (await build(options));
    // What was killed earlier, if there was something.
    await removeIdle(path);
    signal?.throwIfAborted();
    return await run(path, globals, options, sink);
  } catch (error) {
    throw error instanceof StapFailure ? explainStap(error) : error;
  }
}

async function run(
  path: string,
  globals: readonly string[],
  { signal, ringBytes }: ProbeOptions,
  sink: ProbeSink,
): Promise<RunningProbe> {
  const running = new ScriptRun(path, globals, Math.ceil(ringBytes / 2 ** 20), sink);
  try {
    await running.open(signal);
  } catch (error) {
    await running.close();
    throw error;
  }
  return running;
}

function build({ signal, onProgress }: ProbeOptions): Promise<string> {
  return buildModule({
    release: release(),
    signal,
    onStep: (step) => onProgress?.({ probe: 'systemtap', step }),
  });
}

/** Compiles the probe's module, for this kernel or another, and gives its path. */
export async function buildProbeModule(options: BuildOptions): Promise<string> {
  try {
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

/** ProbeError for a kernel or a process that loads no modules. */
function checkKernel(): void {
  const refusal = whyNoModules();
  if (refusal !== undefined) throw new ProbeError(refusal.code, 'systemtap', refusal);
}

/** Looks at each thing that the probe needs, tells it to `details`, and gives what had to be mended. */
async function checkMachine(kernel: string, details: string[]): Promise<string[]> {
  checkKernel();
  details.push('The kernel loads modules.');
  const version = await stapVersion();
  await checkStaprun();
  details.push(`SystemTap ${version.join('.')} is installed.`);
  const { unhandled, backlog, free } = await findScriptPoints(kernel);
  for (const point of [unhandled, backlog, free]) if (point) details.push(probePointText(point));
  const mends = await mendsFor(version, kernel);
  return mends.map(({ what }) => `SystemTap does not fit Linux ${kernel}: ${what}`);
}
