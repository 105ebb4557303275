import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { removeIdle } from '../../lib/probes/systemtap/loaded-modules.ts';

const BUILT = '/somewhere/dropscope_probe.ko';
/** As staprun -R calls it for process 99999. */
const LOADED = 'dropscope_99999';

let root: string;

// Made up here: to hold a real module's control channel, as a dying stapio may, has locked up a kernel.
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dropscope-test-'));
  mkdirSync(join(root, 'proc'));
  writeFileSync(
    join(root, 'staprun'),
    `#!/bin/sh\n[ "$1" = -d ] && sed -i "/^$2 .* 0 /d" ${root}/proc/modules\n`,
    { mode: 0o755 },
  );
  vi.stubEnv('PATH', `${root}:${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

function load(references: number): void {
  const lines = [`${LOADED} 131072 ${references} - Live 0x0 (OE)`, 'veth 45056 0 - Live 0x0'];
  // Never half written: it may be being read.
  writeFileSync(join(root, 'new'), `${lines.join('\n')}\n`);
  renameSync(join(root, 'new'), join(root, 'proc/modules'));
}

function loaded(): string[] {
  const lines = readFileSync(join(root, 'proc/modules'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.replace(/ .*/, ''));
}

it('removes the module of a process that has ended', async () => {
  load(0);
  expect(await removeIdle(BUILT, root)).toEqual([]);
  expect(loaded()).toEqual(['veth']);
});

it('waits until its last thread does not use it any more', async () => {
  load(1);
  const removing = removeIdle(BUILT, root);
  setTimeout(() => load(0), 250);
  expect(await removing).toEqual([]);
  expect(loaded()).toEqual(['veth']);
});

it('leaves alone what stays in use: its process is in another PID namespace', async () => {
  load(1);
  expect(await removeIdle(BUILT, root)).toEqual([]);
  expect(loaded()).toEqual([LOADED, 'veth']);
});

it.each(['/usr/bin/staprun', '/usr/libexec/systemtap/stapio (deleted)'])(
  'leaves alone that of a process that runs %s',
  async (program) => {
    load(0);
    mkdirSync(join(root, 'proc/99999'));
    symlinkSync(program, join(root, 'proc/99999/exe'));
    expect(await removeIdle(BUILT, root)).toEqual([]);
    expect(loaded()).toEqual([LOADED, 'veth']);
  },
);

it('names the one that cannot be removed', async () => {
  load(0);
  writeFileSync(join(root, 'staprun'), '#!/bin/sh\nexit 1\n');
  expect(await removeIdle(BUILT, root)).toEqual([LOADED]);
});
