import { beforeAll, expect, it } from 'vitest';
import { type EthernetFrame, injectFrame } from '../../lib/index.ts';
import { ip, linkCounters, linkUp, netnsOf, vethPair } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { runNode } from '../support/run-node.ts';
import { dropscope, MAIN, objects, startWatch } from './dropscope.ts';

const FRAME: EthernetFrame = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
};

const OPEN_TAP = ['import socket', 's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)'];
const TAPS = {
  eth_p_all: OPEN_TAP,
  eth_p_all_on_lo: [...OPEN_TAP, 's.bind(("lo", 3))'],
} as const;

const END = expect.objectContaining({ event: 'end' });

beforeAll(() => linkUp('lo'));

it('prints a line for each drop, and at the end who was dropped most', async () => {
  const watch = await startWatch('lo', '--count', '3');
  const dropped = linkCounters('lo').rx['dropped'] ?? 0;
  for (const etherType of [0x4321, 0x4321, 0x4322])
    await injectFrame('lo', { ...FRAME, etherType });
  const { code, stdout, stderr } = await watch.finish();

  expect(code).toBe(0);
  expect(stderr).toBe(
    'Watching lo by ebpf: drops that moved a link counter. Ctrl-C ends it.\nready\n',
  );
  const [first, second, third, ...report] = stdout.split('\n');
  const line = (type: string, before: number) =>
    new RegExp(
      `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}  lo  00:00:5e:00:53:00 > 00:00:00:00:00:00  ${type}  60 bytes  ` +
        `rx_dropped ${before} -> ${before + 1}  UNHANDLED_PROTO at __netif_receive_skb_core$`,
    );
  expect(first).toMatch(line('0x4321', dropped));
  expect(second).toMatch(line('0x4321', dropped + 1));
  expect(third).toMatch(line('0x4322', dropped + 2));
  expect(report).toEqual([
    '',
    expect.stringMatching(/^Seen: 3 drops in \d+\.\d s by ebpf$/),
    'drops  interface  source             destination        ethertype',
    '    2  lo         00:00:5e:00:53:00  00:00:00:00:00:00  0x4321',
    '    1  lo         00:00:5e:00:53:00  00:00:00:00:00:00  0x4322',
    'Lost: none',
    '',
  ]);
});

it('prints JSON with exactly the documented keys, and nothing else on stdout', async () => {
  const watch = await startWatch('lo', '--count', '1', '--json');
  const dropped = linkCounters('lo').rx['dropped'] ?? 0;
  const before = process.hrtime.bigint();
  await injectFrame('lo', FRAME);
  const { code, stdout, stderr } = await watch.finish();

  expect(code).toBe(0);
  expect(objects(stdout)).toEqual([
    {
      event: 'drop',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      timestamp_ns: expect.any(Number),
      probe: 'ebpf',
      interface: 'lo',
      ifindex: 1,
      netns: netnsOf(),
      source: '00:00:5e:00:53:00',
      destination: '00:00:00:00:00:00',
      ether_type: '0x4321',
      vlan: null,
      counter: 'rx_dropped',
      before: dropped,
      after: dropped + 1,
      reason: 'UNHANDLED_PROTO',
      location: '__netif_receive_skb_core',
      length: 60,
    },
    {
      event: 'end',
      time: expect.stringMatching(/Z$/),
      probe: 'ebpf',
      drops: 1,
      lost: 0,
      seconds: expect.any(Number),
    },
  ]);
  const [, digits = ''] = /"timestamp_ns":(\d+),/.exec(stdout) ?? [];
  expect(BigInt(digits)).toBeGreaterThan(before);
  expect(BigInt(digits)).toBeLessThan(process.hrtime.bigint());
  expect(stderr).toMatch(/^ready\n\nSeen: 1 drop in .*\n[\s\S]*\nLost: none\n$/);
});

it('lets only those drops through that every filter lets through', async () => {
  const other = '00-00-5E-00-53-0A';
  const watch = await startWatch(
    ...['--json', '--count', '2', '--source', FRAME.source ?? '', '--source', other],
    ...['--ether-type', '0x4321', '--ether-type', '17186', '--reason', 'UNHANDLED_PROTO'],
    ...['--destination', FRAME.destination, '--probe', 'ebpf', '--scope', 'counted'],
  );
  await injectFrame('lo', { ...FRAME, source: '00:00:5e:00:53:0b' });
  await injectFrame('lo', { ...FRAME, etherType: 0x4323 });
  await injectFrame('lo', { ...FRAME, destination: '00:00:00:00:00:01' });
  await injectFrame('lo', { ...FRAME, etherType: 0x4322 });
  await injectFrame('lo', { ...FRAME, source: other });
  const { stdout } = await watch.finish();
  expect(objects(stdout)).toEqual([
    expect.objectContaining({ ether_type: '0x4322', source: FRAME.source }),
    expect.objectContaining({ ether_type: '0x4321', source: '00:00:5e:00:53:0a' }),
    END,
  ]);
});

it('tells drops that moved no counter with --scope all', async () => {
  const options = ['lo', '--scope', 'all', '--ether-type', '0x0800', '--count', '1'];
  const watches = [await startWatch(...options), await startWatch(...options, '--json')];
  await injectFrame('lo', { ...FRAME, etherType: 0x0800 });
  const [human, json] = await Promise.all(watches.map((watch) => watch.finish()));
  expect(human?.stderr).toMatch(/^Watching lo by ebpf: all drops\. /);
  expect(human?.stdout).toMatch(/ 60 bytes {2}- {2}IP_INHDR at ip_rcv_core\n/);
  expect(objects(json?.stdout ?? '')).toEqual([
    expect.objectContaining({ counter: null, before: null, after: null, reason: 'IP_INHDR' }),
    END,
  ]);
});

it('tells the VLAN tag', async () => {
  // A frame that is dropped on its way out, for want of a carrier, still has its tag.
  vethPair('va', 'vb');
  linkUp('va');
  const watches = [
    await startWatch('va', '--count', '1'),
    await startWatch('va', '--count', '1', '--json'),
  ];
  await injectFrame('va', { ...FRAME, vlan: { id: 99, priority: 5 } });
  const [human, json] = await Promise.all(watches.map((watch) => watch.finish()));
  expect(human?.stdout).toContain('  0x4321 vlan 99 priority 5  64 bytes  tx_dropped 0 -> 1  ');
  expect(objects(json?.stdout ?? '')).toEqual([
    expect.objectContaining({
      vlan: { id: 99, priority: 5, dei: false, protocol: '0x8100' },
      ether_type: '0x4321',
      length: 64,
    }),
    END,
  ]);
  ip('link', 'del', 'dev', 'va');
});

it('escapes what a terminal would act on in the name of an interface', async () => {
  const name = 'a\u001b[31mb';
  vethPair(name, 'peer');
  for (const link of [name, 'peer']) linkUp(link);
  const watches = [
    await startWatch(name, '--count', '1'),
    await startWatch('--json', '--count', '1'),
  ];
  await injectFrame('peer', FRAME);
  const [human, json] = await Promise.all(watches.map((watch) => watch.finish()));
  expect(human?.stderr).toMatch(/^Watching a\\x1b\[31mb by ebpf: /);
  expect(human?.stdout.match(/ {2}a\\x1b\[31mb {2}/g)).toHaveLength(2);
  expect(`${human?.stdout}${human?.stderr}${json?.stdout}${json?.stderr}`).not.toContain('\u001b');
  expect(objects(json?.stdout ?? '')).toEqual([expect.objectContaining({ interface: name }), END]);
  ip('link', 'del', 'dev', 'peer');
});

it('ends after the duration', async () => {
  const { code, stdout, stderr } = await dropscope(['watch', 'lo', 'lo', '--duration', '.01s']);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^Watching lo by ebpf: /);
  expect(stdout).toMatch(/^\nSeen: 0 drops in \d+\.\d s by ebpf\nLost: none\n$/);
});

it.each([
  ['eth_p_all', [], /\nLost: none\nA tap is open on all interfaces \(.*\): .*\n$/],
  ['eth_p_all_on_lo', ['lo'], /\nLost: none\nA tap is open on lo \(.*\): .*\n$/],
  ['eth_p_all_on_lo', ['va'], /\nLost: none\n$/],
] as const)(
  'says that it saw nothing because of a tap: %s, watching %j',
  async (tap, names, end) => {
    vethPair('va', 'vb');
    await using _ = await holdPython(TAPS[tap]);
    const { stdout } = await dropscope(['watch', ...names, '--duration', '.01']);
    expect(stdout).toMatch(end);
    ip('link', 'del', 'dev', 'va');
  },
);

it('ends with what it saw and an error when its interface goes', async () => {
  vethPair('va', 'vb');
  for (const link of ['va', 'vb']) linkUp(link);
  const watches = [await startWatch('va'), await startWatch('va', '--json')];
  await injectFrame('vb', FRAME);
  ip('link', 'del', 'dev', 'va');
  const [human, json] = await Promise.all(watches.map((watch) => watch.finish()));

  expect(human?.code).toBe(1);
  expect(human?.stdout).toContain('Seen: 1 drop ');
  expect(human?.stderr).toMatch(/\nready\ndropscope: Interface "va" is gone .*\n$/);

  expect(json?.code).toBe(1);
  expect(objects(json?.stdout ?? '')).toEqual([
    expect.objectContaining({ event: 'drop', interface: 'va', after: 1 }),
    END,
    {
      event: 'error',
      time: expect.any(String),
      code: 'ERR_INTERFACE_GONE',
      message: expect.stringContaining('Interface "va" is gone'),
    },
  ]);
  expect(json?.stderr).toContain('Seen: 1 drop ');
});

it('exits with 77 when it lacks a privilege, and says which', async () => {
  const without = ['bpf', 'perfmon', 'sys_admin'] as const;
  const { code, stdout, stderr } = await dropscope(['watch', '--probe', 'ebpf', '--json'], {
    without,
  });
  expect(code).toBe(77);
  expect(stderr).toMatch(/^dropscope: .*CAP_BPF.*\n$/);
  expect(objects(stdout)).toEqual([
    expect.objectContaining({ event: 'error', code: 'ERR_PERMISSION' }),
  ]);
});

it('exits with 1 for an interface that is not there', async () => {
  const { code, stdout, stderr } = await dropscope(['watch', 'eth7']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^dropscope: There is no interface "eth7"\. Interfaces here: lo.*\n$/);
});

it('works without any environment', async () => {
  const { code } = await runNode([MAIN, 'watch', '--duration', '0.01'], {
    env: { PATH: undefined, HOME: undefined, TERM: undefined },
  });
  expect(code).toBe(0);
});
