import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A capability without CAP_, in lower case, as setpriv(1) and capabilities(7) have it. */
export type Capability = 'bpf' | 'net_admin' | 'net_raw' | 'perfmon' | 'sys_admin' | 'syslog';

export interface NodeOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** All of its input; by default it is empty. */
  readonly stdin?: string;
  /**
   * Capabilities that it shall lack. CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON, so drop
   * it with them.
   */
  readonly without?: readonly Capability[];
}

export interface NodeResult {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node to its end, in this process's namespace. Never rejects for what the script does. */
export async function runNode(
  args: readonly string[],
  options: NodeOptions = {},
): Promise<NodeResult> {
  const child = startNode(args, options);
  child.stdin.on('error', () => {}); // A script may end without reading its input.
  child.stdin.end(options.stdin ?? '');
  return await finished(child);
}

/** Starts Node, for a test that talks with it or signals it. Its `pid` is that of Node. */
export function startNode(
  args: readonly string[],
  { env, cwd, without = [] }: Omit<NodeOptions, 'stdin'> = {},
): ChildProcessWithoutNullStreams {
  // It does not outlive this process, however that ends: prctl(2), PR_SET_PDEATHSIG.
  const setpriv = ['--pdeathsig=KILL', ...boundingSet(without), '--', process.execPath, ...args];
  return spawn('/usr/bin/setpriv', setpriv, {
    cwd,
    env: { ...withoutVitest(process.env), ...env },
  });
}

/** Everything that a child prints, and how it ends. */
export async function finished(child: ChildProcessWithoutNullStreams): Promise<NodeResult> {
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, stdout, stderr };
}

/** A program that root executes gets its bounding set: capabilities(7). */
function boundingSet(dropped: readonly Capability[]): string[] {
  if (dropped.length === 0) return [];
  return [`--bounding-set=${dropped.map((name) => `-${name}`).join(',')}`];
}

/** vitest's own variables (NODE_ENV=test, VITEST_*) would make the child another one than a user's. */
function withoutVitest(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^VITEST|^(TEST|NODE_ENV|NODE_V8_COVERAGE)$/.test(name),
    ),
  );
}
