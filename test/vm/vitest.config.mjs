// Runs inside the guest: see run.mjs. The machine is the isolation, so the files share one process.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: '/repo',
  // The checkout is read-only there.
  cacheDir: '/tmp/vite',
  test: {
    include: ['test/vm/inside/*.test.ts'],
    pool: 'forks',
    isolate: false,
    fileParallelism: false,
    // Without KVM the guest is some twenty times as slow as its host, and SystemTap compiles a module.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
