import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { PROGRAM } from './programs.ts';

/**
 * Removes what was loaded of the module at `path` and has no process any more: staprun was killed.
 * Gives the names of those that stay all the same.
 */
export async function removeIdle(path: string): Promise<readonly string[]> {
  const names = await idle(path);
  for (const name of names) await remove(name);
  // Others may be loaded meanwhile.
  const stay = names.length === 0 ? [] : await idle(path);
  return stay.filter((name) => names.includes(name));
}

/** staprun refuses while somebody has it open, as the last thread of a process that was just killed. */
async function remove(name: string): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    const { failed } = await execa('staprun', ['-d', name], { ...PROGRAM, reject: false });
    if (!failed) return;
    await sleep(100);
  }
}

/** The names of those whose process has ended. proc(5), /proc/modules. */
async function idle(path: string): Promise<string[]> {
  const built = basename(path, '.ko');
  // A kernel that loads no modules has no such file.
  const modules = await readFile('/proc/modules', 'utf8').catch(() => '');
  const names: string[] = [];
  for (const line of modules.split('\n')) {
    const [loaded = ''] = line.split(' ');
    const pid = processOf(loaded, built);
    if (pid !== undefined && !(await isStaprun(pid))) names.push(loaded);
  }
  return names;
}

/** staprun -R writes _ and its process id over the end of the name: stap_4be0..._17143, ..._1_141. */
function processOf(loaded: string, built: string): string | undefined {
  const [, kept, pid] = /^(\w+)_(\d+)$/.exec(loaded) ?? [];
  if (kept === undefined || !built.startsWith(kept)) return undefined;
  return loaded.length === built.length ? pid : undefined;
}

/** A process that has ended has no program. */
async function isStaprun(pid: string): Promise<boolean> {
  const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
  return ['staprun', 'stapio'].includes(basename(program));
}
