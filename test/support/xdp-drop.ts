import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** XDP_DROP is 1: linux/bpf.h */
const SOURCE = '__attribute__((section("xdp"))) int drop(void *context) { return 1; }';

/** The path of an object file whose section `xdp` drops all frames. It goes when the file is done. */
export function compileXdpDrop(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'xdp_drop.o');
  const options = ['-target', 'bpf', '-O2', '-x', 'c', '-', '-c', '-o', path];
  execFileSync('clang', options, { input: SOURCE, stdio: 'pipe' });
  return path;
}
