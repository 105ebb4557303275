import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { checkProbes } from '../../../dist/index.js';

const run = promisify(execFile);

it('runs on the kernel that the guest was made for', () => {
  expect(release()).toBe(process.env['GUEST_RELEASE']);
});

it('has the SystemTap of its Debian release', async () => {
  const { stdout } = await run('stap', ['--version']);
  expect(stdout).toContain(`Debian version ${process.env['GUEST_SYSTEMTAP']}`);
});

it('has at least one probe that works', async () => {
  const reports = await checkProbes();
  expect(reports).toContainEqual(expect.objectContaining({ available: true }));
});
