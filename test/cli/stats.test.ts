import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { injectFrame } from '../../lib/index.ts';
import { linkCounters, linkUp, vethPair } from '../support/namespace.ts';
import { startNode } from '../support/run-node.ts';
import { dropscope, MAIN, objects } from './dropscope.ts';

beforeAll(async () => {
  linkUp('lo');
  vethPair('a\u001b[31mb', 'veth1');
  await injectFrame('lo', {
    source: '00:00:5e:00:53:00',
    destination: '00:00:00:00:00:00',
    etherType: 0x4321,
  });
});

it('shows a table in which nothing is left out silently', async () => {
  const { code, stdout, stderr } = await dropscope(['stats']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines.slice(0, -1).map((line) => line.split(/ +/))).toEqual([
    'interface rx_packets rx_bytes rx_dropped tx_packets tx_bytes tx_dropped'.split(' '),
    ['lo', '1', '46', '1', '1', '46', '0'],
    ['veth1', '0', '0', '0', '0', '0', '0'],
    ['a\\x1b[31mb', '0', '0', '0', '0', '0', '0'],
  ]);
  expect(lines.at(-1)).toMatch(
    /^0 on all of them: rx_errors, .*rx_otherhost_dropped, .*tx_compressed$/,
  );
  const widths = lines.slice(0, -1).map((line) => line.length);
  expect(new Set(widths).size).toBe(1);
});

it('shows a counter as soon as it is not 0', async () => {
  const arp = ['--ether-type', '0x0800', '--destination', '00:00:5e:00:53:01'];
  await dropscope(['inject', 'lo', ...arp]);
  const { stdout } = await dropscope(['stats', 'lo']);
  const [header = '', values = ''] = stdout.split('\n').map((line) => line.split(/ +/));
  expect(values[header.indexOf('rx_otherhost_dropped')]).toBe('1');
});

it('prints every counter in the kernel’s spelling, as ip has it', async () => {
  const { code, stdout } = await dropscope(['stats', '--json']);
  expect(code).toBe(0);
  const links = objects(stdout);
  expect(links.map((link) => link['interface'])).toEqual(['lo', 'veth1', 'a\u001b[31mb']);
  const { rx, tx } = linkCounters('lo');
  expect(links[0]).toMatchObject({
    event: 'stats',
    ifindex: 1,
    rx_packets: rx['packets'],
    rx_bytes: rx['bytes'],
    rx_dropped: rx['dropped'],
    rx_missed_errors: rx['missed_errors'] ?? 0,
    tx_packets: tx['packets'],
    tx_carrier_errors: tx['carrier_errors'],
    collisions: tx['collisions'],
    rx_nohandler: 0,
  });
  // struct rtnl_link_stats64 has 25 fields since Linux 5.19.
  const [, , , , ...counters] = Object.keys(links[0] ?? {});
  expect(counters).toHaveLength(25);
});

it('needs no privilege', async () => {
  const without = ['bpf', 'net_admin', 'net_raw', 'perfmon', 'sys_admin', 'syslog'] as const;
  const { code, stdout } = await dropscope(['stats', 'lo', '--json'], { without });
  expect(code).toBe(0);
  expect(objects(stdout)).toEqual([expect.objectContaining({ interface: 'lo' })]);
});

it('exits with 1 for an interface that is not there', async () => {
  const { code, stdout, stderr } = await dropscope(['stats', 'eth7']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^dropscope: There is no interface "eth7"\. .*\n$/);
});

it('ends quietly when nobody reads', async () => {
  const { child, finish } = startNode([MAIN, 'stats']);
  child.stdout.destroy();
  expect(await finish()).toEqual({ code: 141, signal: null, stdout: '', stderr: '' });
});

it('tells that its output cannot be written', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'stats'], {
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
    });
    expect(stderr).toMatch(/^dropscope: ENOSPC.*\n$/);
    expect(status).toBe(1);
  } finally {
    closeSync(full);
  }
});

it('has colours on a terminal, unless NO_COLOR says otherwise', () => {
  const inTerminal = (more: NodeJS.ProcessEnv) => {
    const command = `'${process.execPath}' '${MAIN}' stats lo`;
    // Not ours: Node.js shows no colours where CI is set, nor on a dumb terminal.
    const env = { PATH: process.env['PATH'], TERM: 'xterm', ...more };
    const options = { encoding: 'utf8', env } as const;
    return spawnSync('script', ['-qec', command, '/dev/null'], options).stdout;
  };
  expect(inTerminal({})).toContain('\n\u001b[1mlo\u001b[22m ');
  expect(inTerminal({ NO_COLOR: '1' })).toMatch(/\nlo {2}/);
  expect(inTerminal({ NO_COLOR: '1' })).not.toContain('\u001b');
});
