import { expect, it } from 'vitest';
import { dropscope, objects } from './dropscope.ts';

const WITHOUT = ['bpf', 'perfmon', 'sys_admin'] as const;

it('says what works', async () => {
  const { code, stdout, stderr } = await dropscope(['doctor']);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'ebpf works\n', stderr: '' });
});

it('says why a probe does not work and what to do, and exits with 1 when none does', async () => {
  const { code, stdout, stderr } = await dropscope(['doctor'], { without: WITHOUT });
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(/^ebpf does not work\n {2}This process .*CAP_BPF.*\n {2}Run as root.*\n$/);
});

it('says what works less well than it could', async () => {
  const { code, stdout } = await dropscope(['doctor'], { without: ['syslog'] });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ebpf works\n {2}.*CAP_SYSLOG.*\n$/);
});

it('says it in JSON', async () => {
  const works = await dropscope(['doctor', '--json']);
  expect(objects(works.stdout)).toEqual([
    { event: 'probe', probe: 'ebpf', available: true, reason: null, mend: null, remarks: [] },
  ]);
  const fails = await dropscope(['doctor', '--json'], { without: WITHOUT });
  expect(fails.code).toBe(1);
  expect(objects(fails.stdout)).toEqual([
    {
      event: 'probe',
      probe: 'ebpf',
      available: false,
      reason: expect.stringContaining('CAP_BPF'),
      mend: expect.stringContaining('Run as root'),
      remarks: [],
    },
  ]);
});
