import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyNoModules } from '../../lib/probes/systemtap/module-loading.ts';

const LOCKED = { 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' };
const SECURE_BOOT = 'sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dropscope-test-'));
});
afterEach(() => rmSync(root, { recursive: true }));

// Files are made up here: a machine would have to be booted for each of these.
it.each([
  ['a kernel without modules', {}, /was built without them/],
  [
    'no more modules',
    machine({ 'proc/sys/kernel/modules_disabled': '1\n' }),
    /modules_disabled is 1/,
  ],
  ['lockdown', machine(LOCKED), /locked down \(integrity\)\.$/],
  ['Secure Boot', machine({ ...LOCKED, [SECURE_BOOT]: '\x06\0\0\0\x01' }), /Secure Boot is on/],
  ['Secure Boot off', machine({ ...LOCKED, [SECURE_BOOT]: '\x06\0\0\0\0' }), /integrity\)\.$/],
  [
    'sig_enforce',
    machine({ 'sys/module/module/parameters/sig_enforce': 'Y\n' }),
    /sig_enforce is Y/,
  ],
  [
    'a container',
    machine({ 'proc/self/status': 'CapEff:\t00000000a80425fb\n' }),
    /no CAP_SYS_MODULE/,
  ],
])('tells why no module can be loaded: %s', (_, files, reason) => {
  fill(files);
  expect(whyNoModules(root)?.reason).toMatch(reason);
});

it('finds nothing in the way where there is nothing', () => {
  fill(machine({ 'sys/kernel/security/lockdown': '[none] integrity confidentiality\n' }));
  expect(whyNoModules(root)).toBeUndefined();
});

function machine(files: Readonly<Record<string, string>>): Record<string, string> {
  return { 'proc/modules': '', 'proc/self/status': 'CapEff:\t000001ffffffffff\n', ...files };
}

function fill(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content, 'latin1');
  }
}
