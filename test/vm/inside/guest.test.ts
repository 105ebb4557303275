import { release } from 'node:os';
import { expect, it } from 'vitest';
import { doctor, HAS_EBPF, run } from './support.ts';

it('runs on the kernel that the guest was made for', () => {
  expect(release()).toBe(process.env['GUEST_RELEASE']);
});

it('has the SystemTap of its Debian release', async () => {
  const { stdout } = await run('stap', ['--version']);
  expect(stdout).toContain(`Debian version ${process.env['GUEST_SYSTEMTAP']}`);
});

it('is told by doctor what works, what is looked for and where that is', async () => {
  const probes = (await doctor()).filter(({ event }) => event === 'probe');
  expect(probes).toMatchObject([
    { probe: 'ebpf', available: HAS_EBPF },
    { probe: 'systemtap', available: true },
    { probe: 'drop-monitor', available: false, mend: expect.stringContaining('modprobe') },
    { probe: 'counters', available: true },
  ]);
  expect(probes[1]?.details.join('\n')).toMatch(
    /^The kernel loads modules\.\nSystemTap \d.*\n__netif_receive_skb_core\.drop at net\/core\/dev\.c:\d+: .*\$p?skb/,
  );
});
