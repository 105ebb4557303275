import { type ChildProcess, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import {
  type DropEvent,
  type DropWatch,
  type EthernetFrame,
  readLinkStats,
  type WatchOptions,
  watchDrops,
} from '../../../dist/index.js';

export const DROPSCOPE = '/repo/dist/cli/main.js';

/** Of SystemTap's probe: built on another machine, by `dropscope systemtap build`. */
export const MODULE = process.env['GUEST_MODULE'] ?? '';

/** 5.10 refuses the eBPF program: E2BIG. */
export const HAS_EBPF = !release().startsWith('5.10.');

/** False where compiling takes too long: test/vm/kernels.mjs. */
export const COMPILES = process.env['GUEST_COMPILES'] === 'true';

/** The recipe's. */
export const FRAME: EthernetFrame = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
};

/** For vb, from va. */
export const TO_VETH: EthernetFrame = { ...FRAME, destination: '02:00:00:00:00:0b' };

export const run = promisify(execFile);

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** A line of `dropscope doctor --json`. */
export interface Verdict {
  readonly event: string;
  readonly probe?: string;
  readonly available: boolean;
  readonly reason: string | null;
  readonly details: readonly string[];
}

export async function doctor(): Promise<Verdict[]> {
  // Its exit code is 1 where no probe works.
  const { stdout } = await run('node', [DROPSCOPE, 'doctor', '--json']).catch(
    (error: { stdout: string }) => error,
  );
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Makes two devices; what one sends the other receives. */
export function addVeth(name: string, peer: string): void {
  ip('link', 'add', 'dev', name, 'type', 'veth', 'peer', 'name', peer);
  for (const end of [name, peer]) ip('link', 'set', 'dev', end, 'addrgenmode', 'none', 'up');
}

/** By the module that was built on another machine. */
export function watch(options: WatchOptions = {}): Promise<DropWatch> {
  return watchDrops({ module: MODULE, ...options, probe: 'systemtap' });
}

/** Runs `watchDrops` in another process, with what it imports at hand; resolves once that says "armed". */
export async function watchInAnotherProcess(
  then = '',
  wrapper: readonly string[] = [],
): Promise<ChildProcess> {
  const script = `
    import { watchDrops } from '/repo/dist/index.js';
    const drops = await watchDrops({ probe: 'systemtap', module: process.env.GUEST_MODULE });
    console.log('armed');
    ${then}`;
  const [command = 'node', ...args] = [...wrapper, 'node', '--input-type=module', '-e', script];
  const child = execFile(command, args);
  const ended = once(child, 'close').then(() => {
    throw new Error(`The process ended before it was armed: exit code ${child.exitCode}.`);
  });
  await Promise.race([once(child.stdout ?? child, 'data'), ended]);
  ended.catch(() => {});
  return child;
}

export async function take(drops: DropWatch, count: number): Promise<DropEvent[]> {
  const taken: DropEvent[] = [];
  for await (const drop of drops) if (taken.push(drop) === count) break;
  return taken;
}

/** What became of the drops of a watch. */
export interface Accounts {
  readonly delivered: number;
  readonly totals: number;
  readonly lost: DropWatch['lost'];
  /** Delivered, in totals and lost. */
  readonly sum: bigint;
  /** By how much the counters rose. */
  readonly counted: bigint;
}

/** Counts what a watch tells of what `act` does, and by how much rx_dropped of `links` rises. */
export async function account(
  links: readonly string[],
  act: () => Promise<void>,
  ringBytes: number = 2 ** 24,
): Promise<Accounts> {
  const drops = await watch({ interface: links, queueLimit: 1_000_000, ringBytes });
  let [delivered, totals] = [0, 0];
  drops.on('drop', () => {
    delivered += 1;
  });
  drops.on('totals', ({ count }) => {
    totals += count;
  });
  const errors: Error[] = [];
  drops.on('error', (error) => errors.push(error));
  const before = await dropped(links);
  await act();
  const counted = (await dropped(links)) - before;
  await drops.close();
  expect(errors).toEqual([]);
  const { lost } = drops;
  const sum = BigInt(delivered + totals + lost.kernel + lost.output + lost.queue);
  const accounts = { delivered, totals, lost, sum, counted };
  console.log(accounts);
  return accounts;
}

async function dropped(links: readonly string[]): Promise<bigint> {
  let sum = 0n;
  for (const link of links) sum += (await readLinkStats(link)).rxDropped ?? 0n;
  return sum;
}

/** Resolves once nothing of ours is loaded; a module that is being removed may take a moment. */
export async function nothingLoaded(): Promise<void> {
  for (let i = 0; i < 100 && loadedModules().length > 0; i += 1) await sleep(100);
  expect(loadedModules()).toEqual([]);
}

/** Modules of SystemTap. */
export function loadedModules(): string[] {
  const modules = readFileSync('/proc/modules', 'utf8');
  return [...modules.matchAll(/^(stap|dropscope)_\w+/gm)].map(([name]) => name);
}

/** Resolves once its last thread has ended, and with it what it had open. */
export async function killStapio(): Promise<void> {
  const pids = [...pidsOf('staprun'), ...pidsOf('stapio')];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const living = () => pids.filter((pid) => existsSync(`/proc/${pid}`));
  await expect.poll(living, { timeout: 10_000 }).toEqual([]);
}

/** staprun becomes stapio: exec(3). */
export function signalStapio(signal: NodeJS.Signals): void {
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
