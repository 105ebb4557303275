import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where the object file lies whose section `xdp` drops all frames. */
export const XDP_DROP = fileURLToPath(new URL('xdp_drop.o', import.meta.url));

/** XDP_DROP is 1: linux/bpf.h */
const SOURCE = '__attribute__((section("xdp"))) int drop(void *context) { return 1; }';

/** Compiles it; where there is no compiler, no world drops frames by XDP. */
export function compileXdpDrop(): void {
  const options = ['-target', 'bpf', '-O2', '-g', '-x', 'c', '-', '-c', '-o', XDP_DROP];
  spawnSync('clang', options, { input: SOURCE });
}
