import { beforeAll, expect, it } from 'vitest';
import { injectFrame, openInjector, readLinkStats } from '../../lib/index.ts';
import {
  linkUp,
  netnsOf,
  openNamespace,
  type PeerNamespace,
  vethPair,
} from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { runNode } from '../support/run-node.ts';
import { waitFor } from '../support/wait-for.ts';
import { dropscope, MAIN, objects, startWatch } from './dropscope.ts';

beforeAll(() => {
  linkUp('lo');
  vethPair('va', 'vb');
  for (const name of ['va', 'vb']) linkUp(name);
});

it('holds the counters against what was told, at the end', async () => {
  const watch = await startWatch('lo', '--ledger', '--count', '2');
  for (let i = 0; i < 2; i++) await injectFrame('lo', UNKNOWN);
  const { code, stdout } = await watch.finish();
  expect(code).toBe(0);
  expect(
    stdout
      .split('\nLedger\n')[1]
      ?.split('\n')
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    [
      'interface',
      'counter',
      'counted',
      'attributed',
      'filtered',
      'lost',
      'in flight',
      'unattributed',
    ],
    ['lo', 'rx_dropped', '2', '2', '0', '0', '0', '0'],
    [expect.stringMatching(/^Backlogs of all CPUs: \d+ dropped, \d+ time squeezes$/)],
    [''],
  ]);
});

/** As many as the ring has room for, however slow the machine is. */
const MANY = 2000;

it('holds many drops against the counter', async () => {
  const watch = await startWatch('lo', '--ledger', '--json');
  const done = watch.finish();
  const before = (await readLinkStats('lo')).rxDropped;
  using injector = openInjector('lo');
  await injector.sendAll(Array.from({ length: MANY }, () => UNKNOWN));
  await waitFor('the frames', async () => {
    return (await readLinkStats('lo')).rxDropped >= before + BigInt(MANY);
  });
  watch.child.kill('SIGINT');
  const { code, stdout } = await done;
  expect(code).toBe(130);
  const [ledger] = objects(stdout).filter(({ event }) => event === 'ledger');
  expect(ledger).toMatchObject({
    rows: [
      { interface: 'lo', counter: 'rx_dropped', counted: MANY, attributed: MANY, unattributed: 0 },
    ],
  });
});

it('ends after its time, also where garbage was collected meanwhile', async () => {
  const collect = ['--expose-gc', '--import', 'data:text/javascript,setInterval(gc,10).unref()'];
  const { code } = await runNode([...collect, MAIN, 'watch', 'lo', '--duration', '0.3']);
  expect(code).toBe(0);
});

it('does so in JSON, before the last line', async () => {
  await using python = await holdPython([
    'import socket',
    'tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
    'tap.bind(("lo", 0x88cc))',
  ]);
  const watch = await startWatch('--ledger', '--json', '--ether-type', '0x4321');
  await injectFrame('lo', UNKNOWN);
  await injectFrame('lo', { ...UNKNOWN, etherType: 0x4322 });
  watch.child.kill('SIGINT');
  const { stdout } = await watch.finish();
  expect(objects(stdout).map(({ event }) => event)).toEqual(['drop', 'ledger', 'end']);
  expect(objects(stdout)[1]).toEqual({
    event: 'ledger',
    time: expect.any(String),
    probe: 'ebpf',
    since: expect.any(String),
    rows: [
      {
        interface: 'lo',
        ifindex: 1,
        netns: netnsOf(),
        counter: 'rx_dropped',
        counted: 2,
        attributed: 1,
        filtered: 1,
        lost: 0,
        in_flight: 0,
        unattributed: 0,
        causes: [],
      },
    ],
    taps: [
      {
        interface: 'lo',
        ether_type: '0x88cc',
        netns: netnsOf(),
        hides: { lo: 'any' },
        processes: [{ pid: python.pid, name: 'python3' }],
      },
    ],
    softnet: { dropped: expect.any(Number), time_squeeze: expect.any(Number) },
    unknown: [],
  });
});

it('says why something is not attributed', async () => {
  const watch = await startWatch('lo', '--ledger', '--probe', 'counters');
  await injectFrame('lo', UNKNOWN);
  watch.child.kill('SIGINT');
  const { stdout } = await watch.finish();
  expect(stdout).toMatch(/\n {2}lo rx_dropped: 1: The counters probe sees no frames\./);
});

it('says which probes were passed over, and why', async () => {
  const without = ['bpf', 'perfmon', 'sys_admin', 'net_admin'] as const;
  const { code, stderr } = await dropscope(['watch', '--duration', '0.01'], { without });
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^Passed over ebpf: This process may not load BPF programs.*\nPassed over systemtap: .*\nPassed over drop-monitor: .*\nWatching all interfaces by counters/,
  );
});

const OTHER: readonly [string, (other: PeerNamespace) => string][] = [
  ['a path', ({ pid }) => `/proc/${pid}/ns/net`],
  ['the number of a process', ({ pid }) => String(pid)],
];

it.each(OTHER)('watches, sends and reads in another network namespace, by %s', async (_, ref) => {
  await using other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  const watch = await startWatch('lo', '--netns', ref(other), '--count', '1', '--json');
  await injectFrame('lo', UNKNOWN);
  expect((await dropscope(['inject', 'lo', '--netns', ref(other)])).code).toBe(0);
  const { stdout } = await watch.finish();
  expect(objects(stdout)[0]).toMatchObject({ event: 'drop', netns: other.netns, after: 1 });
  const stats = await dropscope(['stats', 'lo', '--netns', ref(other), '--json']);
  expect(objects(stats.stdout)).toMatchObject([{ interface: 'lo', rx_dropped: 1 }]);
});

it('says so when there is no such namespace', async () => {
  const { code, stderr } = await dropscope(['watch', '--netns', 'nowhere']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^dropscope: There is no network namespace "nowhere"\. /);
});
