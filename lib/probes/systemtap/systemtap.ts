import { statSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { DropscopeError, ProbeError } from '../../errors.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from '../probe.ts';
import { explained } from './explain-stap.ts';
import { removeIdle } from './loaded-modules.ts';
import { mendsFor } from './mends.ts';
import { whyNoModules } from './module-loading.ts';
import { findScriptPoints, probePointText } from './probe-points.ts';
import { scriptGlobals } from './script-globals.ts';
import { ScriptRun } from './script-run.ts';
import { type BuildOptions, buildModule, checkStaprun, stapVersion } from './stap.ts';

/** Sees drops by a SystemTap script: a kernel module that is compiled when it is first used. */
export const systemtapProbe: DropProbe = {
  name: 'systemtap',

  async check(): Promise<ProbeReport> {
    const details: string[] = [];
    try {
      const remarks = await checkMachine(release(), details);
      return { probe: 'systemtap', available: true, remarks, details };
    } catch (error) {
      const told = explained(error);
      if (!(told instanceof DropscopeError)) throw told;
      const { reason, mend } = told;
      return { probe: 'systemtap', available: false, reason, mend, remarks: [], details };
    }
  },

  start,
};

async function start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
  checkOptions(options);
  const { signal, module, onProgress } = options;
  const globals = scriptGlobals(options, namespaceInode(options));
  try {
    // One that was built elsewhere may be signed.
    if (module === undefined) checkKernel();
    await checkStaprun();
    const path = module ?? (await build(options));
    // What was killed earlier, if there was something.
    for (const name of await removeIdle(path)) {
      onProgress?.({ probe: 'systemtap', step: `The module ${name} of an earlier watch stays.` });
    }
    signal?.throwIfAborted();
    const running = new ScriptRun(path, globals, bufferMb(options.ringBytes), sink);
    await running.open(signal);
    return running;
  } catch (error) {
    throw explained(error);
  }
}

/** 0: of all namespaces. */
function namespaceInode({ allNamespaces, networkNamespace }: ProbeOptions): number {
  return allNamespaces ? 0 : statSync(networkNamespace ?? '/proc/self/ns/net').ino;
}

/** Of each CPU, in MiB: they share what was asked for. */
function bufferMb(ringBytes: number): number {
  return Math.ceil(ringBytes / 2 ** 20 / cpus().length);
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
    throw explained(error, options.release);
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
  return mends.map(({ what }) => what);
}
