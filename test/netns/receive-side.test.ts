import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, expect, it } from 'vitest';
import {
  composeFrame,
  type EthernetFrame,
  openInjector,
  readLinkStats,
  watchDrops,
} from '../../lib/index.ts';
import { vethScene } from '../support/drop-scene.ts';
import { SENDER } from '../support/frames.ts';
import { addLink } from '../support/links.ts';
import { ip, linkUp, openNamespace } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { type Capability, runNode } from '../support/run-node.ts';
import { takeAll } from '../support/take.ts';

const RECEIVE = { direction: 'receive' } as const;
const FRAME: EthernetFrame = {
  source: SENDER,
  destination: 'ff:ff:ff:ff:ff:ff',
  etherType: 0x4321,
};

beforeAll(vethScene);

it.each<[string, (name: string) => void]>([
  ['lo', () => {}],
  ['veth', (name) => ip('link', 'add', 'dev', name, 'type', 'veth', 'peer', 'name', 'other')],
  ['ifb', (name) => addLink(name, 'ifb', { address: '02:00:00:00:00:33' })],
  ['bridge', (name) => addLink(name, 'bridge', { address: '02:00:00:00:00:34' })],
  ['tap', (name) => ip('tuntap', 'add', 'dev', name, 'mode', 'tap')],
])('lets %s receive a frame, drop it and count it, and the watch names it', async (type, make) => {
  const name = type === 'lo' ? 'lo' : `${type}0`;
  make(name);
  linkUp(name);
  const before = await readLinkStats(name);
  const drops = await watchDrops({ interface: name, source: SENDER });
  {
    using injector = openInjector(name, RECEIVE);
    injector.send(FRAME);
    expect(await injector.sendAll(Array.from({ length: 200 }, () => FRAME))).toBe(200);
    const report = await injector.flood({ frame: FRAME, count: 1000 });
    expect(report).toMatchObject({ engine: 'live-frames', sent: 1000, refused: {} });
    expect(report).not.toHaveProperty('verified');
  }
  await drops.close();
  const told = await takeAll(drops);
  expect(told).toHaveLength(1201);
  expect(told[0]).toMatchObject({
    interface: name,
    source: SENDER,
    etherType: 0x4321,
    length: 60,
    reason: 'UNHANDLED_PROTO',
    counter: { name: 'rx_dropped', before: before.rxDropped, after: before.rxDropped + 1n },
  });
  expect((await readLinkStats(name)).rxDropped).toBe(before.rxDropped + 1201n);
});

it('hands over the bytes as they are', async () => {
  const frame = composeFrame({ ...FRAME, payload: Uint8Array.from({ length: 1500 }, (_, i) => i) });
  await using drops = await watchDrops({ interface: 'b', headerBytes: 256 });
  using injector = openInjector('b', RECEIVE);
  injector.send(frame);
  injector.send(frame.subarray(0, 14));
  await drops.close();
  const [whole, header] = await takeAll(drops);
  expect(whole?.length).toBe(1514);
  expect(Buffer.from(whole?.header ?? [])).toEqual(Buffer.from(frame.subarray(0, 256)));
  expect(header?.length).toBe(14);
});

it('paces what is received', async () => {
  using injector = openInjector('b', RECEIVE);
  const before = await readLinkStats('b');
  const start = performance.now();
  await injector.flood({ frame: FRAME, framesPerSecond: 2000, count: 400 });
  expect(performance.now() - start).toBeGreaterThan(199);
  expect((await readLinkStats('b')).rxDropped - before.rxDropped).toBe(400n);
});

it('opens while signals keep interrupting the verifier', async () => {
  const ignore = () => {};
  process.on('SIGWINCH', ignore);
  // A child that has ended is a signal, too: SIGCHLD.
  const script = `import os, signal, time
print('ready', flush=True)
while True:
    os.kill(${process.pid}, signal.SIGWINCH)
    time.sleep(0.0005)`;
  const child = spawn('python3', ['-c', script]);
  try {
    await once(child.stdout, 'data');
    for (let i = 0; i < 40; i += 1) openInjector('b', RECEIVE).close();
  } finally {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    process.off('SIGWINCH', ignore);
  }
});

it('works in another network namespace', async () => {
  await using there = await openNamespace();
  there.ip('link', 'set', 'dev', 'lo', 'up');
  using injector = openInjector('lo', { ...RECEIVE, networkNamespace: there.pid });
  injector.send(FRAME);
  await injector.flood({ frame: FRAME, count: 100 });
  const { rxDropped } = await readLinkStats('lo', { networkNamespace: there.pid });
  expect(rxDropped).toBe(101n);
});

it('refuses what an interface would not take, and says why', async () => {
  using injector = openInjector('b', RECEIVE);
  const long = composeFrame({ ...FRAME, payload: new Uint8Array(1510) });
  expect(() => injector.send(long)).toThrow('longer than interface "b" takes');
  await expect(injector.sendAll([FRAME, long, FRAME])).rejects.toMatchObject({ sent: 1 });
  await expect(injector.flood({ frame: long, count: 1 })).rejects.toMatchObject({ sent: 0 });
  ip('link', 'set', 'dev', 'b', 'down');
  expect(() => injector.send(FRAME)).toThrow('Interface "b" is down');
  ip('link', 'set', 'dev', 'b', 'up');
  injector.send(FRAME);
});

it('says that a live frame has no room for more, where the interface has', async () => {
  using injector = openInjector('lo', RECEIVE);
  const long = new Uint8Array(3401);
  const error = { argument: 'frame', message: expect.stringContaining('at most 3400 bytes') };
  expect(() => injector.send(long)).toThrow(expect.objectContaining(error));
  await expect(injector.sendAll([FRAME, long])).rejects.toMatchObject({ ...error, sent: 1 });
});

it('says that its interface is gone', () => {
  addLink('brief', 'ifb', { address: '02:00:00:00:00:35' });
  linkUp('brief');
  using injector = openInjector('brief', RECEIVE);
  ip('link', 'delete', 'dev', 'brief');
  expect(() => injector.send(FRAME)).toThrow('is gone');
});

it('leaves no descriptor, and says that it is closed', async () => {
  const before = countDescriptors();
  const injector = openInjector('b', RECEIVE);
  expect(countDescriptors()).toBeGreaterThan(before);
  injector.close();
  injector.close();
  expect(countDescriptors()).toBe(before);
  expect(() => injector.send(FRAME)).toThrow('closed');
  await expect(injector.flood({ frame: FRAME, count: 1 })).rejects.toMatchObject({
    code: 'ERR_CLOSED',
  });
});

it.each<[string, object]>([
  ['options.direction', { direction: 'both' }],
  ['options', { ...RECEIVE, speed: 1 }],
])('refuses a bad %s', (argument, options) => {
  expect(() => Reflect.apply(openInjector, undefined, ['b', options])).toThrow(
    expect.objectContaining({ name: 'ArgumentError', argument }),
  );
});

it('takes no engine but live frames', async () => {
  using injector = openInjector('b', RECEIVE);
  const flood = injector.flood({ frame: FRAME, count: 1, engine: 'af-xdp' });
  await expect(flood).rejects.toMatchObject({ argument: 'plan.engine' });
});

it.each<[Capability]>([['bpf'], ['net_admin'], ['perfmon']])(
  'says that it needs %s',
  async (capability) => {
    const sdk = new URL('../../dist/index.js', import.meta.url).href;
    const script = `import { openInjector } from ${JSON.stringify(sdk)};
      try { openInjector('b', { direction: 'receive' }); }
      catch (error) { console.log(error.code, error.message); }`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await runNode(args, { without: [capability, 'sys_admin'] });
    expect(stdout).toContain(`it lacks CAP_${capability.toUpperCase()}.`);
  },
);

it('needs no CAP_SYS_ADMIN and no CAP_NET_RAW', async () => {
  const sdk = new URL('../../dist/index.js', import.meta.url).href;
  const script = `import { openInjector } from ${JSON.stringify(sdk)};
    openInjector('b', { direction: 'receive' }).send(new Uint8Array(60));`;
  const args = ['--input-type=module', '--eval', script];
  const without = ['net_raw', 'sys_admin', 'syslog'] as const;
  expect(await runNode(args, { without })).toMatchObject({ code: 0, stderr: '' });
});
