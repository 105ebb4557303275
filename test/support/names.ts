import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for names of network namespaces, as /run/netns is one. It goes with this object. */
export class NamesFolder implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dropscope-names-'));
  readonly #mounted = new Set<string>();

  /** Gives the network namespace of a process a name, as ip-netns(8) does it. Returns the path. */
  add(name: string, pid: number): string {
    const path = join(this.#folder, name);
    writeFileSync(path, '');
    execFileSync('mount', ['--bind', `/proc/${pid}/ns/net`, path]);
    this.#mounted.add(path);
    return path;
  }

  /** Gives a name by a symbolic link to the file of the process. Returns the path. */
  link(name: string, pid: number): string {
    const path = join(this.#folder, name);
    symlinkSync(`/proc/${pid}/ns/net`, path);
    return path;
  }

  /** Takes a name away, as ip-netns(8) does it. */
  remove(path: string): void {
    if (this.#mounted.delete(path)) execFileSync('umount', ['--lazy', path]);
    rmSync(path);
  }

  [Symbol.dispose](): void {
    for (const path of this.#mounted) execFileSync('umount', ['--lazy', path]);
    rmSync(this.#folder, { recursive: true });
  }
}
