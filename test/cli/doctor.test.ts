import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { netnsOf } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import type { NodeOptions } from '../support/run-node.ts';
import { dropscope, objects } from './dropscope.ts';

const WORKS = { available: true, reason: null, mend: null };
const WITHOUT = ['bpf', 'perfmon', 'sys_admin'] as const;

/** As on a machine without SystemTap. */
const NO_STAP = existsSync('/proc/modules')
  ? {
      reason: 'There is no stap: systemtap is not installed.',
      mend: 'Install it: apt-get install systemtap. On others than Debian and Ubuntu, see the page on SystemTap of the distribution.',
    }
  : {
      reason: 'This kernel loads no modules: it was built without them.',
      mend: 'Use another probe, or a kernel with CONFIG_MODULES.',
    };
/** Test files run in namespaces of their own, where the drop monitor does not speak. */
const NO_MONITOR = { reason: expect.any(String), mend: expect.any(String) };
/** What is told of all probes but ebpf. */
const OTHER_PROBES = [
  { probe: 'systemtap', available: false, ...NO_STAP },
  { probe: 'drop-monitor', available: false, ...NO_MONITOR },
  { probe: 'counters', ...WORKS },
].map((report) => ({ event: 'probe', ...report, remarks: [], details: [] }));
const NO_STAP_TEXT = `systemtap does not work\n  ${NO_STAP.reason}\n  ${NO_STAP.mend}\n`;

const doctor = (args: string[] = [], options: NodeOptions = {}) =>
  dropscope(['doctor', ...args], { ...options, env: { PATH: '/nowhere' } });

it('says what works', async () => {
  const { code, stdout, stderr } = await doctor();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [monitor] = /^drop-monitor does not work\n {2}.+\n {2}.+\n/m.exec(stdout) ?? [];
  expect(stdout).toBe(
    `ebpf works\n${NO_STAP_TEXT}${monitor}counters works\ninject works\nreceive works\nstats works\n`,
  );
});

it('says why a probe does not work and what to do, and exits with 1 when none does', async () => {
  const { code, stdout, stderr } = await doctor([], { without: WITHOUT });
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(
    /^ebpf does not work\n {2}This process .*CAP_BPF.*\n {2}.+\nsystemtap does not work\n/,
  );
});

it('says why frames cannot be sent, and that drops can be seen all the same', async () => {
  const { code, stdout } = await doctor([], { without: ['net_raw'] });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^ebpf works\n[\s\S]*\ninject does not work\n {2}.*CAP_NET_RAW.*\n {2}Run as root.*\n/,
  );
});

it('says what works less well than it could', async () => {
  const { code, stdout } = await doctor([], { without: ['syslog'] });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ebpf works\n {2}.*CAP_SYSLOG.*\nsystemtap /);
});

it('says which taps hide drops, and where', async () => {
  await using python = await holdPython([
    'import socket',
    'open = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300) for i in range(2)]',
  ]);
  const human = await doctor();
  expect(human.stdout).toMatch(/\nA tap is open on all interfaces \(python3, process \d+\): .*\n$/);
  const json = await doctor(['--json']);
  expect(objects(json.stdout).at(-1)).toEqual({
    event: 'tap',
    interface: null,
    ether_type: null,
    netns: netnsOf(),
    hides: expect.objectContaining({ lo: 'untagged' }),
    processes: [{ pid: python.pid, name: 'python3' }],
  });
});

it('says it in JSON', async () => {
  const { stdout } = await doctor(['--json']);
  expect(objects(stdout)).toEqual([
    { event: 'probe', probe: 'ebpf', ...WORKS, remarks: [], details: [] },
    ...OTHER_PROBES,
    { event: 'check', check: 'inject', ...WORKS },
    { event: 'check', check: 'receive', ...WORKS },
    { event: 'check', check: 'stats', ...WORKS },
  ]);
});

it('says in JSON what is missing', async () => {
  const without = [...WITHOUT, 'net_raw'] as const;
  const { code, stdout } = await doctor(['--json'], { without });
  expect(code).toBe(1);
  expect(objects(stdout)).toEqual([
    {
      event: 'probe',
      probe: 'ebpf',
      available: false,
      reason: expect.stringContaining('CAP_BPF'),
      mend: expect.stringContaining('Run as root'),
      remarks: [],
      details: [],
    },
    ...OTHER_PROBES,
    {
      event: 'check',
      check: 'inject',
      available: false,
      reason: expect.stringContaining('CAP_NET_RAW'),
      mend: expect.stringContaining('Run as root'),
    },
    {
      event: 'check',
      check: 'receive',
      available: false,
      reason: expect.stringContaining('CAP_BPF'),
      mend: expect.stringContaining('Run as root'),
    },
    expect.objectContaining({ event: 'check', check: 'stats', available: true }),
  ]);
});
