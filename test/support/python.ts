import { once } from 'node:events';
import { startChild } from './start-child.ts';

/** A Python program that has done its work and waits. Its end closes what it opened. */
export interface HeldProgram extends AsyncDisposable {
  readonly pid: number | undefined;
}

/**
 * Runs Python statements, in this process's namespace or wherever `enter` leads, and holds open
 * what they opened. Resolves when they are through; rejects with their stderr.
 */
export async function holdPython(
  statements: readonly string[],
  enter: readonly string[] = [],
): Promise<HeldProgram> {
  const program = [...statements, 'print("held", flush=True)', 'input()'].join('\n');
  const [command = 'python3', ...args] = [...enter, 'python3', '-c', program];
  const child = startChild(command, args);
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  if (child.exitCode !== null) throw new Error(`Python failed: ${stderr}`);
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.stdin.end('\n');
      await ended;
    },
  };
}
