import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  finished,
  type NodeOptions,
  type NodeResult,
  runNode,
  startNode,
} from '../support/run-node.ts';

/** The program as it is installed. */
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs `dropscope` to its end. */
export function dropscope(args: readonly string[], options?: NodeOptions): Promise<NodeResult> {
  return runNode([MAIN, ...args], options);
}

/** A watch that is armed. */
export interface StartedWatch {
  readonly child: ChildProcessWithoutNullStreams;
  /** Reads its output to the end. */
  finish(): Promise<NodeResult>;
}

/** Starts `dropscope watch` and waits until it says that it is ready. Its stdout is not read. */
export function startWatch(...args: string[]): Promise<StartedWatch> {
  return startWatching('watch', ...args);
}

/** The same of any command that watches. */
export async function startWatching(...args: string[]): Promise<StartedWatch> {
  const child = startNode([MAIN, ...args]);
  let stderr = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (/^ready$/m.test(stderr)) resolve();
    });
    child.once('exit', () => reject(new Error(`It ended before it was ready: ${stderr}`)));
  });
  return {
    child,
    async finish() {
      // stderr flows already: what came before is not in the stream any more.
      const result = await finished(child);
      return { ...result, stderr };
    },
  };
}

/** The objects of an output that has one a line. */
export function objects(stdout: string): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
}
