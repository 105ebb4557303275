import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { injectFrame, openInjector, readLinkStats, watchDrops } from '../../../dist/index.js';
import {
  account,
  addVeth,
  FRAME,
  HAS_EBPF,
  ip,
  nothingLoaded,
  TO_VETH,
  take,
  watch,
  watchInAnotherProcess,
} from './support.ts';

afterEach(nothingLoaded);

it('tells rx_nohandler of an inactive port of a bond', async () => {
  execFileSync('/sbin/modprobe', ['bonding', 'max_bonds=0']);
  ip('link', 'add', 'dev', 'bond0', 'type', 'bond', 'mode', 'active-backup');
  for (const port of ['p0', 'p1']) {
    addVeth(port, `${port}-peer`);
    ip('link', 'set', 'dev', port, 'down');
    ip('link', 'set', 'dev', port, 'master', 'bond0');
  }
  ip('link', 'set', 'dev', 'bond0', 'addrgenmode', 'none', 'up');
  ip('link', 'set', 'dev', 'bond0', 'type', 'bond', 'active_slave', 'p0');
  // Other frames come to the port, too: router solicitations, for one.
  const filter = { interface: 'p1', source: FRAME.source };
  await using drops = await watch(filter);
  const least = (await readLinkStats('p1')).rxNohandler ?? 0n;
  await using byEbpf = HAS_EBPF ? await watchDrops({ probe: 'ebpf', ...filter }) : undefined;
  await injectFrame('p1-peer', { ...FRAME, destination: 'ff:ff:ff:ff:ff:ff' });
  const [drop] = await take(drops, 1);
  expect(drop).toMatchObject({
    interface: 'p1',
    etherType: 0x4321,
    counter: { name: 'rx_nohandler' },
  });
  const { before = 0n, after = 0n } = drop?.counter ?? {};
  expect(after).toBe(before + 1n);
  expect(before).toBeGreaterThanOrEqual(least);
  expect((await readLinkStats('p1')).rxNohandler).toBeGreaterThanOrEqual(after);
  if (byEbpf === undefined) return;
  const [expected] = await take(byEbpf, 1);
  expect(drop?.counter).toEqual(expected?.counter);
});

it('tells a tag that the kernel has left in the frame', async () => {
  addVeth('ta', 'tb');
  await using drops = await watch({ interface: 'tb' });
  // The outer one it takes out, and forgets where nobody wants it.
  const frame = Buffer.alloc(60);
  frame.write('02000000000b00005e00530088a8000581006063' + '4321', 'hex');
  const injector = openInjector('ta');
  injector.send(frame);
  injector.close();
  const vlan = { id: 99, priority: 3, dei: false, protocol: 0x8100 };
  expect(await take(drops, 1)).toMatchObject([
    { interface: 'tb', etherType: 0x4321, vlan, length: 56 },
  ]);
});

it('tells an interface whose name is no plain word', async () => {
  addVeth('q"\\', 'é');
  await using drops = await watch();
  await injectFrame('q"\\', TO_VETH);
  await injectFrame('é', TO_VETH);
  expect((await take(drops, 2)).map((drop) => drop.interface)).toEqual(['é', 'q"\\']);
});

it('sees what a full backlog drops', async () => {
  addVeth('ba', 'bb');
  // Received on the other CPU: only there frames have to wait.
  writeFileSync('/sys/class/net/bb/queues/rx-0/rps_cpus', '2');
  execFileSync('taskset', ['--pid', '--cpu-list', '0', String(process.pid)]);
  const limit = '/proc/sys/net/core/netdev_max_backlog';
  const usual = readFileSync(limit, 'utf8');
  writeFileSync(limit, '0');
  try {
    // Handled where they are let in: only the backlog drops them.
    const frame = Buffer.alloc(60);
    frame.write('02000000000b00005e0053000800', 'hex');
    const { sum, counted } = await account(['bb'], async () => {
      const injector = openInjector('ba');
      for (let i = 0; i < 20_000; i += 1) {
        try {
          injector.send(frame);
        } catch {
          // ENOBUFS: the backlog had no room.
        }
      }
      injector.close();
    });
    expect(sum).toBe(counted);
    expect(counted).toBeGreaterThan(0n);
  } finally {
    writeFileSync(limit, usual);
    execFileSync('taskset', ['--pid', '--cpu-list', '0,1', String(process.pid)]);
  }
});

describe('in two network namespaces', () => {
  it('sees each apart, though their interfaces have the same index', async () => {
    ip('netns', 'add', 'other');
    ip('-n', 'other', 'link', 'set', 'dev', 'lo', 'up');
    await using here = await watch({ interface: 'lo' });
    const there = await watchInAnotherProcess(
      `for await (const { source } of drops) { console.log(source); break; }
       await drops.close();`,
      ['ip', 'netns', 'exec', 'other'],
    );
    const inject = `import('/repo/dist/index.js').then(({ injectFrame }) => injectFrame('lo', {
      source: '00:00:5e:00:53:02', destination: '00:00:00:00:00:00', etherType: 0x4321 }))`;
    execFileSync('ip', ['netns', 'exec', 'other', 'node', '-e', inject]);
    await injectFrame('lo', { ...FRAME, source: '00:00:5e:00:53:01' });
    const [line] = await once(there.stdout ?? there, 'data');
    expect(String(line)).toBe('00:00:5e:00:53:02\n');
    expect(await take(here, 1)).toMatchObject([{ source: '00:00:5e:00:53:01' }]);
    ip('netns', 'delete', 'other');
  });
});
