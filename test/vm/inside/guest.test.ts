import { release } from 'node:os';
import { expect, it } from 'vitest';
import { run } from './support.ts';

it('runs on the kernel that the guest was made for', () => {
  expect(release()).toBe(process.env['GUEST_RELEASE']);
});

it('has the SystemTap of its Debian release', async () => {
  const { stdout } = await run('stap', ['--version']);
  expect(stdout).toContain(`Debian version ${process.env['GUEST_SYSTEMTAP']}`);
});
