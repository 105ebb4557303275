import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root of this checkout. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The environment of a package script: the tools in node_modules come first. */
export const ENV = { ...process.env, PATH: `${ROOT}node_modules/.bin:${process.env.PATH}` };

/** Runs a command in the root, with this process's output. Ends this process if it fails. */
export function run(command, args, env = ENV) {
  const { error, status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env });
  if (error !== undefined) console.error(`${command} does not run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
