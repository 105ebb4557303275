import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExecaError, execa } from 'execa';
import { mendsFor } from './mends.ts';
import { endingWithUs, PROGRAM } from './programs.ts';
import { patchedRuntime } from './runtime-copy.ts';

/** The script. Always by this path: SystemTap's cache goes by it, too. */
const SCRIPT = fileURLToPath(new URL('drops.stp', import.meta.url));

const FLAGS = [
  // A drop on one CPU must not be skipped because another one is being looked at.
  '-DMAXTRYLOCK=1000000',
  '-DTRYLOCKDELAY=1',
  // Nor may the module end by itself because drops keep it busy, or the CPUs or talkers are many.
  '-DSTP_NO_OVERLOAD',
  '-DMAXACTION=1000000',
  // A line has up to 256 bytes of a frame in hexadecimal.
  '-DMAXSTRINGLEN=1024',
];

/** What `stap` and `staprun` said, where they failed. */
export class StapFailure extends Error {
  readonly command: string;
  readonly stderr: string;
  /** ENOENT: there is no such program; EACCES: it may not be run. */
  readonly code: string | undefined;
  /** What it was killed by: `SIGKILL`. */
  readonly signal: string | undefined;

  constructor(command: string, stderr: string, { code, signal }: Ending = {}) {
    super(`${command} failed`);
    this.command = command;
    this.stderr = stderr;
    this.code = code;
    this.signal = signal;
  }
}

interface Ending {
  readonly code?: string | undefined;
  readonly signal?: string | undefined;
}

export interface BuildOptions {
  /** Of the kernel, as in `uname -r`. */
  readonly release: string;
  /** Where to put the module: a path that ends in .ko. Default: SystemTap's own cache. */
  readonly output?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each pass, when it is done. */
  onStep(step: string): void;
}

/** Compiles the script to a module, and gives its path. */
export async function buildModule(options: BuildOptions): Promise<string> {
  const { release, output, signal, onStep } = options;
  const stap = [
    'stap',
    '-v',
    '-p4',
    '-r',
    release,
    ...FLAGS,
    ...(await mendingFlags(release, onStep)),
  ];
  // Its name is in it, so that it must not be given another one later.
  if (output !== undefined) stap.push('-m', basename(output, '.ko'));
  stap.push(SCRIPT);
  const building = execa(...endingWithUs('TERM', stap), {
    ...PROGRAM,
    ...(output !== undefined && { cwd: dirname(resolve(output)) }),
    ...(signal && { cancelSignal: signal }),
  });
  const reading = tellPasses(building.iterable({ from: 'stderr' }), onStep);
  try {
    const [{ stdout }] = await Promise.all([building, reading]);
    return output === undefined ? (stdout.trim().split('\n').at(-1) ?? '') : resolve(output);
  } catch (error) {
    signal?.throwIfAborted();
    // stap itself has told its version.
    const isMissing = error instanceof ExecaError && error.code === 'ENOENT';
    throw failure(isMissing ? 'setpriv' : 'stap', error);
  }
}

/** What stap needs to be told so that it fits the kernel. */
export async function mendingFlags(
  release: string,
  onStep: (step: string) => void,
): Promise<readonly string[]> {
  const mends = await mendsFor(await stapVersion(), release);
  for (const { what } of mends) onStep(what);
  const patches = mends.flatMap((mend) => mend.patches ?? []);
  const flags = mends.flatMap((mend) => mend.flags ?? []);
  return patches.length === 0 ? flags : [...flags, '-R', await patchedRuntime(patches)];
}

async function tellPasses(lines: AsyncIterable<unknown>, onStep: (step: string) => void) {
  for await (const line of lines) {
    if (typeof line === 'string' && /^Pass \d: /.test(line)) onStep(line);
  }
}

/** As in `stap --version`: [4, 8]. */
export async function stapVersion(): Promise<readonly [number, number]> {
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(await askStap(['--version'])) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

/** StapFailure where staprun is not here, or not for this user. */
export async function checkStaprun(): Promise<void> {
  try {
    await execa('staprun', ['-V'], PROGRAM);
  } catch (error) {
    throw failure('staprun', error);
  }
}

/** What stap answers, where it compiles nothing: to stdout or, as some do, to stderr. */
export async function askStap(args: readonly string[]): Promise<string> {
  try {
    const { all } = await execa('stap', args, { ...PROGRAM, all: true });
    return all;
  } catch (error) {
    throw failure('stap', error);
  }
}

function failure(command: string, error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error;
  return new StapFailure(command, String(error.stderr ?? ''), error);
}
