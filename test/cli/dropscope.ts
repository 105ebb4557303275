import { fileURLToPath } from 'node:url';
import {
  type NodeOptions,
  type NodeResult,
  runNode,
  type StartedNode,
  startNode,
} from '../support/run-node.ts';

/** The program as it is installed. */
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Runs `dropscope` to its end. */
export function dropscope(args: readonly string[], options?: NodeOptions): Promise<NodeResult> {
  return runNode([MAIN, ...args], options);
}

/** Starts `dropscope watch` and waits until it says that it is ready. */
export function startWatch(...args: string[]): Promise<StartedNode> {
  return startWatching('watch', ...args);
}

/** Starts any command that watches, and waits until it says that it is ready. */
export async function startWatching(...args: string[]): Promise<StartedNode> {
  const { child, finish } = startNode([MAIN, ...args]);
  let stderr = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (/^ready$/m.test(stderr)) resolve();
    });
    // Its last words come before 'close', but not always before 'exit'.
    child.once('close', () => reject(new Error(`It ended before it was ready: ${stderr}`)));
  });
  // stderr flows already: what came before is not in the stream any more.
  return { child, finish: async () => ({ ...(await finish()), stderr }) };
}

/** The objects of an output that has one a line. */
export function objects(stdout: string): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
}
