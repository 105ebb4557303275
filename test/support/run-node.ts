import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable } from 'node:stream';
import { startChild } from './start-child.ts';

/** A capability without CAP_, in lower case, as setpriv(1) and capabilities(7) have it. */
export type Capability =
  | 'bpf'
  | 'net_admin'
  | 'net_raw'
  | 'perfmon'
  | 'sys_admin'
  | 'sys_ptrace'
  | 'syslog';

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

/** Node at work, for a test that talks with it or signals it. */
export interface StartedNode {
  /** Its `pid` is that of Node. Nothing reads its output before it ends, or before `finish()`. */
  readonly child: ChildProcessWithoutNullStreams;
  /**
   * How it ends, and what it prints but for what the test has read itself. It may have ended before
   * this is called.
   */
  finish(): Promise<NodeResult>;
}

/** Runs Node to its end, in this process's namespace. Never rejects for what the script does. */
export async function runNode(
  args: readonly string[],
  options: NodeOptions = {},
): Promise<NodeResult> {
  const { child, finish } = startNode(args, options);
  child.stdin.end(options.stdin ?? '');
  return await finish();
}

/** Starts Node in this process's namespace. */
export function startNode(
  args: readonly string[],
  { env, cwd, without = [] }: Omit<NodeOptions, 'stdin'> = {},
): StartedNode {
  const setpriv = [...boundingSet(without), '--', process.execPath, ...args];
  const child = startChild('/usr/bin/setpriv', setpriv, {
    cwd,
    env: { ...withoutVitest(process.env), ...env },
  });
  child.stdin.on('error', () => {}); // It may end without reading its input.
  return { child, finish: resultOf(child) };
}

/**
 * Hears of the end of a child that has just been started. Node.js throws away what nobody has read
 * when a child exits, right after the event 'exit': there the output is read at the latest.
 */
function resultOf(child: ChildProcessWithoutNullStreams): () => Promise<NodeResult> {
  let output: Promise<string>[] | undefined;
  const read = () => {
    output ??= [child.stdout, child.stderr].map(restOf);
    return output;
  };
  const closed = new Promise<Pick<NodeResult, 'code' | 'signal'>>((resolve, reject) => {
    child.once('exit', read);
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
  closed.catch(() => {}); // A test may have no use for the result.
  return async () => {
    const [stdout = '', stderr = ''] = await Promise.all(read());
    return { ...(await closed), stdout, stderr };
  };
}

/** What a stream brings from now on, until it is closed. It may have been closed by the test. */
async function restOf(stream: Readable): Promise<string> {
  const chunks: string[] = [];
  stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return chunks.join('');
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
