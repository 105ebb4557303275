import { readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { PROGRAM } from './programs.ts';

/** A module that is loaded, and whose process has ended. */
interface Orphan {
  readonly name: string;
  readonly isUsed: boolean;
}

/**
 * Removes what was loaded of the module at `path` and has no process any more: staprun was killed.
 * Gives the names of those that stay all the same. `root`: where proc is.
 */
export async function removeIdle(path: string, root = '/'): Promise<readonly string[]> {
  const proc = join(root, 'proc');
  let left = await orphans(path, proc);
  const names = left.map(({ name }) => name);
  // The last thread of a process that was killed just now may still use it.
  for (let tries = 0; left.length > 0 && tries < 10; tries += 1) {
    if (tries > 0) await sleep(100);
    for (const { name, isUsed } of left) {
      if (!isUsed) await execa('staprun', ['-d', name], { ...PROGRAM, reject: false });
    }
    // Others may be loaded meanwhile.
    left = (await orphans(path, proc)).filter(({ name }) => names.includes(name));
  }
  // One that is used has its process elsewhere: in another PID namespace.
  return left.filter(({ isUsed }) => !isUsed).map(({ name }) => name);
}

/** proc(5), /proc/modules: name, size, references. */
async function orphans(path: string, proc: string): Promise<Orphan[]> {
  const built = basename(path, '.ko');
  // A kernel that loads no modules has no such file.
  const modules = await readFile(join(proc, 'modules'), 'utf8').catch(() => '');
  const found: Orphan[] = [];
  for (const line of modules.split('\n')) {
    const [name = '', , references] = line.split(' ');
    const pid = processOf(name, built);
    if (pid === undefined || (await isStaprun(join(proc, pid)))) continue;
    found.push({ name, isUsed: references !== '0' });
  }
  return found;
}

/** staprun -R writes _ and its process id over the end of the name: stap_4be0..._17143, ..._1_141. */
function processOf(loaded: string, built: string): string | undefined {
  const [, kept, pid] = /^(\w+)_(\d+)$/.exec(loaded) ?? [];
  if (kept === undefined || !built.startsWith(kept)) return undefined;
  return loaded.length === built.length ? pid : undefined;
}

/** A process that has ended has no program; one that was replaced by an upgrade is "(deleted)". */
async function isStaprun(process: string): Promise<boolean> {
  const program = await readlink(join(process, 'exe')).catch(() => '');
  return /\/(staprun|stapio)( \(deleted\))?$/.test(program);
}
