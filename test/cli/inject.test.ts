import { execFileSync } from 'node:child_process';
import { beforeAll, expect, it } from 'vitest';
import { watchDrops } from '../../lib/index.ts';
import { carrier, tc } from '../support/links.ts';
import { ip, linkCounters, linkUp, vethPair } from '../support/namespace.ts';
import { startNode } from '../support/run-node.ts';
import { setNamespaceSysctl } from '../support/sysctl.ts';
import { waitFor } from '../support/wait-for.ts';
import { dropscope, MAIN, objects } from './dropscope.ts';

/** Lets hardly a frame out, and keeps more than the socket's send buffer holds. */
const TOO_SLOW = ['tbf', 'rate', '8bit', 'burst', '1kb', 'limit', '10mb'];

beforeAll(() => linkUp('lo'));

/** The first drop on lo while `dropscope inject lo` runs with some more arguments. */
async function firstDrop(...args: string[]) {
  await using drops = await watchDrops({ interface: 'lo' });
  const { code, stderr } = await dropscope(['inject', 'lo', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for await (const drop of drops) return drop;
  throw new Error('The watch ended without a drop.');
}

it('sends the frame of the recipe, and says so', async () => {
  await using drops = await watchDrops({ interface: 'lo' });
  const { code, stdout, stderr } = await dropscope(['inject', 'lo']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(
    'Sent 1 frame of 60 bytes on lo: 00:00:5e:00:53:00 > 00:00:00:00:00:00, EtherType 0x4321\n',
  );
  for await (const drop of drops) {
    expect(drop).toMatchObject({
      source: '00:00:5e:00:53:00',
      destination: '00:00:00:00:00:00',
      etherType: 0x4321,
      length: 60,
    });
    break;
  }
});

it('sends what its options say', async () => {
  const drop = await firstDrop(
    ...['--source', '00-00-5E-00-53-0A', '--destination', '00:00:5e:00:53:0b'],
    ...['--ether-type', '17186', '--payload-hex', '0a 0b 0c', '--no-pad'],
  );
  expect(Buffer.from(drop.header).toString('hex')).toBe('00005e00530b00005e00530a43220a0b0c');
  expect(drop.length).toBe(17);
});

it('sends a whole frame as it is', async () => {
  const drop = await firstDrop('--frame-hex', '00005e00530b 00005e00530a 4322 ff');
  expect(Buffer.from(drop.header).toString('hex')).toBe('00005e00530b00005e00530a4322ff');
});

it('tells in JSON what it sent, how often', async () => {
  const { tx } = linkCounters('lo');
  const args = ['inject', 'lo', '--count', '10000', '--vlan', '99:5', '--json'];
  const { code, stdout } = await dropscope(args);
  expect(code).toBe(0);
  expect(objects(stdout)).toEqual([
    {
      event: 'sent',
      time: expect.any(String),
      interface: 'lo',
      count: 10_000,
      refused: 0,
      engine: 'sendmmsg',
      direction: 'transmit',
      seconds: expect.any(Number),
      source: '00:00:5e:00:53:00',
      destination: '00:00:00:00:00:00',
      ether_type: '0x4321',
      vlan: { id: 99, priority: 5, dei: false, protocol: '0x8100' },
      length: 64,
      scenario: null,
    },
  ]);
  expect(linkCounters('lo').tx['packets']).toBe((tx['packets'] ?? 0) + 10_000);
});

it('tells how many it had sent when Ctrl-C came', async () => {
  const before = linkCounters('lo').tx['packets'] ?? 0;
  const { child, finish } = startNode([MAIN, 'inject', 'lo', '--count', '1000000000']);
  await waitFor('the first frame', () => linkCounters('lo').tx['packets'] !== before);
  child.kill('SIGINT');
  const { code, stdout } = await finish();
  expect(code).toBe(130);
  const [, sent] = /^Sent (\d+) of 1000000000 frames of 60 bytes on lo: /.exec(stdout) ?? [];
  expect(before + Number(sent)).toBe(linkCounters('lo').tx['packets']);
});

it('tells how many it had sent when Ctrl-C came while it waited for room', async () => {
  setNamespaceSysctl('ipv6/conf/default/disable_ipv6', 1); // Its queue takes nothing but ours.
  vethPair('slow', 'peer');
  for (const name of ['slow', 'peer']) linkUp(name);
  await carrier('slow');
  tc('qdisc', 'add', 'dev', 'slow', 'root', ...TOO_SLOW);
  const { child, finish } = startNode([MAIN, 'inject', 'slow', '--count', '1000000000']);
  let before = 0;
  await waitFor('the send buffer to be full', () => {
    const still = before > 0 && before === taken('slow');
    before = taken('slow');
    return still;
  });
  child.kill('SIGINT');
  const { code, stdout, stderr } = await finish();
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  expect(stdout).toMatch(`Sent ${taken('slow')} of 1000000000 frames of 60 bytes on slow: `);
  ip('link', 'del', 'dev', 'slow');
});

it('sends a scenario, and says what should happen', async () => {
  const { code, stdout } = await dropscope(['inject', 'lo', '--scenario', 'bad-ip-checksum']);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout:
      'Sent 1 frame of 60 bytes on lo: 00:00:5e:00:53:00 > ff:ff:ff:ff:ff:ff, EtherType 0x0800\n' +
      'A wrong checksum in the IPv4 header moves no link counter. There: no counter, IP_CSUM.\n',
  });
  const other = await dropscope(['inject', 'lo', '--scenario', 'rain']);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('Allowed choices are unknown-ethertype, lldp,');
});

it('sends at a rate, for a time', async () => {
  const { code, stdout } = await dropscope(['inject', 'lo', '--rate', '50', '--duration', '0.5s']);
  expect(code).toBe(0);
  // One each 20 ms; a machine that stands still may miss the last ones.
  const [, sent] = /^Sent (\d+) frames of 60 bytes on lo: /.exec(stdout) ?? [];
  expect(Number(sent)).toBeGreaterThan(0);
  expect(Number(sent)).toBeLessThanOrEqual(26);
});

it('lets the interface receive the frame', async () => {
  const { code, stdout } = await dropscope(['inject', 'lo', '--receive', '--count', '3']);
  expect(code).toBe(0);
  expect(stdout).toContain('Let 3 frames of 60 bytes be received by lo: ');
  const other = await dropscope(['inject', 'lo', '--receive', '--engine', 'af-xdp']);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('Expected live-frames for --engine but received "af-xdp".');
});

it('sends by the engine that it is told', async () => {
  const { stdout } = await dropscope(['inject', 'lo', '--engine', 'af-xdp', '--json']);
  expect(objects(stdout)).toMatchObject([{ count: 1, engine: 'af-xdp' }]);
});

it('tells how many found a queue full, and fails', async () => {
  vethPair('full', 'other');
  for (const name of ['full', 'other']) linkUp(name);
  await carrier('full');
  tc('qdisc', 'add', 'dev', 'full', 'root', 'tbf', 'rate', '8kbit', 'burst', '1kb', 'limit', '1kb');
  const { code, stdout } = await dropscope(['inject', 'full', '--count', '1000']);
  const [, sent, refused] = /^Sent (\d+) of 1000 .*; (\d+) refused on their way/.exec(stdout) ?? [];
  expect([code, Number(sent) + Number(refused)]).toEqual([1, 1000]);
  ip('link', 'del', 'dev', 'full');
});

it('tells why the kernel takes no frame', async () => {
  vethPair('va', 'vb');
  const { code, stdout, stderr } = await dropscope(['inject', 'va', '--json']);
  const message = 'Interface "va" is down. Bring it up: ip link set va up';
  expect({ code, stderr }).toEqual({ code: 1, stderr: `dropscope: ${message}\n` });
  expect(objects(stdout)).toEqual([
    { event: 'error', time: expect.any(String), code: 'ERR_SYSTEM_CALL', message },
  ]);
});

it('exits with 77 without the privilege to send', async () => {
  const { code, stdout, stderr } = await dropscope(['inject', 'lo'], { without: ['net_raw'] });
  expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
  expect(stderr).toMatch(/^dropscope: .*CAP_NET_RAW.*\n$/);
});

/** How many frames the queue of a link has taken: sent, and waiting. */
function taken(name: string): number {
  const json = execFileSync('tc', ['-s', '-j', 'qdisc', 'show', 'dev', name], { encoding: 'utf8' });
  const [queue]: { packets: number; qlen: number }[] = JSON.parse(json);
  return (queue?.packets ?? 0) + (queue?.qlen ?? 0);
}
