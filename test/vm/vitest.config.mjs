// Runs inside the guest: see run.mjs. The machine is the isolation, so the files share one process.
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

/** By name: refusals come last, for what they do to the kernel cannot be undone. */
class ByName extends BaseSequencer {
  async sort(files) {
    return files.toSorted((one, other) => (one.moduleId < other.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  root: '/repo',
  // The checkout is read-only there.
  cacheDir: '/tmp/vite',
  test: {
    include: ['test/vm/inside/*.test.ts'],
    pool: 'forks',
    isolate: false,
    fileParallelism: false,
    sequence: { sequencer: ByName },
    // Without KVM the guest is some twenty times as slow as its host.
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
