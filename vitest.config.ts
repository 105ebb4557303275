import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { requireNamespaces } from './test/support/require-namespaces.ts';

requireNamespaces();

// The forks pool starts one process for each test file, by process.execPath. This one gives the
// process a network namespace of its own, which goes when the file is done.
process.env['PATH'] = `${dirname(process.execPath)}:${process.env['PATH']}:/usr/sbin:/sbin`;
process.execPath = fileURLToPath(new URL('test/support/node-in-namespace', import.meta.url));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // In a guest: test/vm/run.mjs. By hand: npm run test:long.
    exclude: ['test/vm/**', 'test/long/**', 'node_modules/**'],
    pool: 'forks',
    isolate: true,
    // Kernel and JavaScript share the work of a test, so more files at once only wait longer.
    maxWorkers: 2,
    // Longer than waitFor() waits, whose error says what did not come.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    restoreMocks: true,
  },
});
