import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type DropEvent,
  type DropWatch,
  type EthernetFrame,
  injectFrame,
  openInjector,
  readLinkStats,
  type WatchOptions,
  watchDrops,
} from '../../../dist/index.js';

/** The recipe's. */
const FRAME: EthernetFrame = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
};
/** Its kernel refuses the program: E2BIG. */
const WITHOUT_EBPF = release().startsWith('5.10.');

const TO_VETH = { ...FRAME, destination: '02:00:00:00:00:0b' };

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

beforeAll(() => {
  ip('link', 'set', 'dev', 'lo', 'up');
  ip('link', 'add', 'dev', 'va', 'type', 'veth', 'peer', 'name', 'vb');
  for (const name of ['va', 'vb']) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'up');
});

afterEach(() => {
  expect(loadedModules()).toEqual([]);
});

it('compiles the script here, tells how far it is, and sees the recipe’s drops', async () => {
  const steps: string[] = [];
  await using drops = await watchDrops({
    probe: 'systemtap',
    onProgress: ({ step }) => steps.push(step),
  });
  expect(steps.join('\n')).toMatch(/^Pass 1: [\s\S]*^Pass 4: /m);
  const before = (await readLinkStats('lo')).rxDropped ?? 0n;
  for (let i = 0; i < 5; i += 1) await injectFrame('lo', FRAME);
  expect(await take(drops, 5)).toEqual(
    Array.from({ length: 5 }, (_, i) =>
      expect.objectContaining({
        probe: 'systemtap',
        interface: 'lo',
        ...FRAME,
        counter: {
          name: 'rx_dropped',
          before: before + BigInt(i),
          after: before + BigInt(i) + 1n,
        },
        length: 60,
      }),
    ),
  );
  expect((await readLinkStats('lo')).rxDropped).toBe(before + 5n);
});

it.skipIf(WITHOUT_EBPF)('sees what eBPF sees, event by event', async () => {
  await using drops = await watch();
  await using byEbpf = await watchDrops({ probe: 'ebpf' });
  for (let i = 0; i < 3; i += 1) await injectFrame('lo', FRAME);
  await injectFrame('va', TO_VETH);
  await injectFrame('va', { ...TO_VETH, vlan: { id: 99, priority: 3 } });
  const [seen, expected] = [await take(drops, 5), await take(byEbpf, 5)];
  expect(seen.map(comparable)).toEqual(expected.map(comparable));
});

it('lets pass what the filters let pass', async () => {
  await using drops = await watch({
    interface: ['lo', 'vb'],
    source: ['00:00:5e:00:53:01', '00:00:5e:00:53:02'],
    destination: TO_VETH.destination,
    etherType: [0x4321, 0x4322],
    headerBytes: 20,
  });
  await injectFrame('lo', FRAME);
  await injectFrame('va', TO_VETH);
  await injectFrame('va', { ...TO_VETH, source: '00:00:5e:00:53:01', etherType: 0x4323 });
  await injectFrame('va', { ...TO_VETH, source: '00:00:5e:00:53:02', etherType: 0x4322 });
  await injectFrame('lo', { ...TO_VETH, source: '00:00:5e:00:53:01' });
  const seen = await take(drops, 2);
  expect(seen.map((drop) => [drop.interface, drop.source, drop.etherType])).toEqual([
    ['vb', '00:00:5e:00:53:02', 0x4322],
    ['lo', '00:00:5e:00:53:01', 0x4321],
  ]);
  expect(seen[0]?.header).toHaveLength(20);
});

it('accounts for 100,000 frames at once, and stays alive', async () => {
  const drops = await watch({ interface: 'lo', queueLimit: 200_000 });
  let [delivered, totals] = [0, 0];
  drops.on('totals', ({ count }) => {
    totals += count;
  });
  const last = new Promise<void>((resolve) => {
    drops.on('drop', ({ etherType }) => {
      delivered += 1;
      if (etherType === 0x4399) resolve();
    });
  });
  const before = (await readLinkStats('lo')).rxDropped ?? 0n;
  const frame = Buffer.alloc(60);
  frame.write('00000000000000005e0053004321', 'hex');
  const injector = openInjector('lo');
  await injector.sendAll(Array(100_000).fill(frame));
  injector.close();
  await sleep(2000);
  await injectFrame('lo', { ...FRAME, etherType: 0x4399 });
  await last;
  await drops.close();
  const { output, kernel, queue } = drops.lost;
  console.log('delivered, totals, lost:', delivered, totals, drops.lost);
  const after = (await readLinkStats('lo')).rxDropped ?? 0n;
  expect(BigInt(delivered + totals + output + kernel + queue)).toBe(after - before);
});

describe('when staprun is killed', () => {
  it('fails once, and leaves no module', async () => {
    const drops = await watch();
    const errors: Error[] = [];
    drops.on('error', (error) => errors.push(error));
    const closed = new Promise<void>((resolve) => drops.on('close', resolve));
    await injectFrame('lo', FRAME);
    killAll('SIGKILL');
    await closed;
    expect(errors).toEqual([expect.objectContaining({ name: 'ProbeError', probe: 'systemtap' })]);
  });

  it('removes the module that a process left which was killed with it', async () => {
    const child = await watchInAnotherProcess();
    child.kill('SIGKILL');
    killAll('SIGKILL');
    expect(loadedModules()).toHaveLength(1);
    await using _ = await watch();
    expect(loadedModules()).toHaveLength(1);
  });
});

it('removes its module when only Node.js is killed', async () => {
  const child = await watchInAnotherProcess();
  child.kill('SIGKILL');
  for (let i = 0; i < 100 && loadedModules().length > 0; i += 1) await sleep(100);
});

/** By the module that was built on another machine. */
function watch(options: WatchOptions = {}): Promise<DropWatch> {
  return watchDrops({ ...options, probe: 'systemtap', module: process.env['GUEST_MODULE'] });
}

async function watchInAnotherProcess(): Promise<ChildProcess> {
  const script = `import { watchDrops } from '/repo/dist/index.js';
    await watchDrops({ probe: 'systemtap', module: process.env.GUEST_MODULE });
    console.log('armed');`;
  const child = execFile('node', ['--input-type=module', '-e', script]);
  await once(child.stdout ?? child, 'data');
  return child;
}

async function take(drops: DropWatch, count: number): Promise<DropEvent[]> {
  const taken: DropEvent[] = [];
  for await (const drop of drops) if (taken.push(drop) === count) break;
  return taken;
}

/** What both probes must agree on. */
function comparable(drop: DropEvent): object {
  const { interface: name, ifindex, netns, source, destination, etherType, vlan, length } = drop;
  const { counter, header } = drop;
  const bytes = Buffer.from(header).toString('hex');
  return { name, ifindex, netns, source, destination, etherType, vlan, length, counter, bytes };
}

/** Modules of SystemTap. */
function loadedModules(): string[] {
  const modules = readFileSync('/proc/modules', 'utf8');
  return [...modules.matchAll(/^(stap|dropscope)_\w+/gm)].map(([name]) => name);
}

function killAll(signal: NodeJS.Signals): void {
  // staprun becomes stapio: exec(3).
  for (const name of ['staprun', 'stapio']) {
    for (const pid of pidsOf(name)) process.kill(pid, signal);
  }
}

function pidsOf(name: string): number[] {
  try {
    const pids = execFileSync('pidof', [name], { encoding: 'utf8' });
    return pids.trim().split(' ').map(Number);
  } catch {
    return [];
  }
}
