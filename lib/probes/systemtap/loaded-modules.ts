import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { execa } from 'execa';

/**
 * Removes what was loaded of the module at `path` and has no process any more: staprun was killed.
 * proc(5), /proc/modules: name, size, references.
 */
export async function removeIdle(path: string): Promise<void> {
  // A kernel that loads no modules has no such file.
  const modules = await readFile('/proc/modules', 'utf8').catch(() => '');
  for (const name of idle(modules, path)) {
    await execa('staprun', ['-d', name], { reject: false, stdin: 'ignore' });
  }
}

/** The names of those that nobody uses. */
function idle(modules: string, path: string): string[] {
  const built = basename(path, '.ko');
  return modules.split('\n').flatMap((line) => {
    const [loaded = '', , references] = line.split(' ');
    return isRenamed(loaded, built) && references === '0' ? [loaded] : [];
  });
}

/** staprun -R writes _ and its process id over the end of the name: stap_4be0..._17143, ..._1_141. */
function isRenamed(loaded: string, built: string): boolean {
  const [, kept] = /^(\w+)_\d+$/.exec(loaded) ?? [];
  return kept !== undefined && built.startsWith(kept) && loaded.length === built.length;
}
