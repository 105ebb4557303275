import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runNode } from '../support/run-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The addon that the tests run with. */
const ADDON = process.env['DROPSCOPE_ADDON'] ?? join(ROOT, 'build/Release/dropscope.node');

/** The package without an addon. */
let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dropscope-addon-'));
  cpSync(join(ROOT, 'dist'), join(home, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(home, 'package.json'));
});

afterEach(() => rmSync(home, { recursive: true }));

it('says that there is no addon', async () => {
  expect(await load()).toEqual({
    code: 'ERR_ADDON_NOT_BUILT',
    reason: expect.stringMatching(
      /^dropscope has no working addon for linux-\w+, Node v\d.*: Cannot find module '.*\.node'\. Tried: .*build\/Release\/dropscope\.node, .*-glibc\/dropscope\.node, .*-musl\/dropscope\.node\.$/,
    ),
    cause: expect.stringContaining('Cannot find module'),
  });
});

it('says why an addon that is there does not load, in one line', async () => {
  writeFileSync(prebuild('glibc'), 'no shared object');
  expect(await load()).toEqual({
    code: 'ERR_ADDON_NOT_BUILT',
    reason: expect.stringMatching(
      /: .*-glibc\/dropscope\.node: (file too short|invalid ELF header)\. Tried: /,
    ),
    cause: expect.stringContaining('-glibc/dropscope.node'),
  });
});

it('loads the addon that was built for musl where the one for glibc does not load', async () => {
  writeFileSync(prebuild('glibc'), 'no shared object');
  cpSync(ADDON, prebuild('musl'));
  expect(await load()).toEqual({});
});

/** What loading the addon throws; {} when it does not. */
async function load(): Promise<object> {
  const script = `
    import { readLinkStats } from '${home}/dist/index.js';
    const told = ({ code, reason, cause }) => ({ code, reason, cause: cause.message });
    console.log(JSON.stringify(await readLinkStats().then(() => ({}), told)));`;
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', script], {
    env: { DROPSCOPE_ADDON: undefined },
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

/** Where the package has its addon for a C library. */
function prebuild(libc: string): string {
  const folder = join(home, 'prebuilds', `linux-${process.arch}-${libc}`);
  mkdirSync(folder, { recursive: true });
  return join(folder, 'dropscope.node');
}
