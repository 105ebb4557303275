import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { injectFrame, openInjector } from '../../../dist/index.js';
import { account, addVeth, ip, nothingLoaded, signalStapio, TO_VETH } from './support.ts';

const run = promisify(execFile);

afterEach(nothingLoaded);

it('accounts for 100,000 frames at once, and tells each again after that', async () => {
  const { delivered, sum, counted } = await account(['lo'], async () => {
    await send('lo', talkers(1), 100_000);
    await sleep(500);
    await send('lo', talkers(1), 10);
  });
  expect(counted).toBe(100_010n);
  expect(sum).toBe(counted);
  expect(delivered).toBeGreaterThanOrEqual(10);
});

it('accounts for what both CPUs drop at once', async () => {
  addVeth('ca', 'cb');
  const { sum, counted } = await account(['lo', 'cb'], async () => {
    const flood = (cpu: number, link: string) =>
      run('taskset', ['--cpu-list', `${cpu}`, 'node', '--input-type=module', '-e', FLOOD, link]);
    await Promise.all([flood(0, 'lo'), flood(1, 'ca')]);
  });
  expect(counted).toBe(20_000n);
  expect(sum).toBe(counted);
});

it('counts by interface what more talkers drop than it keeps apart', async () => {
  const { sum, counted } = await account(['lo'], () => send('lo', talkers(3000), 6_000));
  expect(counted).toBe(6_000n);
  expect(sum).toBe(counted);
});

it('counts as lost what nobody reads in time', async () => {
  const flood = async () => {
    signalStapio('SIGSTOP');
    for (let i = 0; i < 5; i += 1) {
      await send('lo', talkers(1000), 4_000);
      await sleep(200);
    }
    signalStapio('SIGCONT');
  };
  // The smallest buffer there is: a MiB.
  const { lost, sum, counted } = await account(['lo'], flood, 4096);
  expect(counted).toBe(20_000n);
  expect(sum).toBe(counted);
  expect(lost.output).toBeGreaterThan(0);
});

it('leaves to the counter what is counted elsewhere: frames too long for the receiver', async () => {
  addVeth('ma', 'mb');
  ip('link', 'set', 'dev', 'mb', 'mtu', '200');
  const { sum, counted } = await account(['mb'], async () => {
    await send('ma', talkers(1), 5);
    for (let i = 0; i < 7; i += 1) {
      const tooLong = injectFrame('ma', { ...TO_VETH, payload: new Uint8Array(400) });
      await expect(tooLong).rejects.toThrow('ENOBUFS');
    }
  });
  expect(counted - sum).toBe(7n);
  expect(sum).toBe(5n);
});

const FLOOD = `
  import { openInjector } from '/repo/dist/index.js';
  const frame = Buffer.alloc(60);
  frame.write('02000000000b00005e0053004321', 'hex');
  const injector = openInjector(process.argv[1]);
  await injector.sendAll(Array(10_000).fill(frame));
  injector.close();`;

/** A frame from each of so many source addresses. */
function talkers(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const frame = Buffer.alloc(60);
    frame.write('02000000000b00005e0000004321', 'hex');
    frame.writeUInt16BE(i, 10);
    return frame;
  });
}

async function send(link: string, frames: readonly Buffer[], count: number): Promise<void> {
  const injector = openInjector(link);
  await injector.sendAll(
    Array.from({ length: count }, (_, i) => frames[i % frames.length] ?? FIRST),
  );
  injector.close();
}

const FIRST = Buffer.alloc(60);
