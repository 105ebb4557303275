import { type ChildProcessWithoutNullStreams, execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { startChild } from './start-child.ts';

/** A second network namespace. It goes with this object, or with this process however that ends. */
export interface PeerNamespace extends AsyncDisposable {
  /** The process that holds it open. */
  readonly pid: number;
  /** Its inode number: the number in `readlink /proc/self/ns/net`. */
  readonly netns: number;
  /** Runs iproute2 in it; gives its output. */
  ip(...args: string[]): string;
  /** Runs a command in it to its end; rejects, with its stderr, unless that is exit code 0. */
  exec(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  /** Starts a command in it, which the caller ends. */
  spawn(command: string, args: readonly string[]): ChildProcessWithoutNullStreams;
}

/** Counters as `ip -s -s -j link show` prints them. */
export interface LinkCounters {
  readonly rx: Readonly<Record<string, number>>;
  readonly tx: Readonly<Record<string, number>>;
}

/** Runs iproute2 in this process's namespace; gives its output, throws with its stderr. */
export function ip(...args: string[]): string {
  return run('ip', args);
}

/** Sets a link up: `lo` begins down in every test file. */
export function linkUp(name: string): void {
  ip('link', 'set', 'dev', name, 'up');
}

/**
 * Makes two veth devices that are each other's peer. Both are down. Without an IPv6 address they
 * stay quiet: no neighbour discovery moves a counter.
 */
export function vethPair(a: string, b: string): void {
  ip('link', 'add', 'dev', a, 'type', 'veth', 'peer', 'name', b);
  for (const name of [a, b]) ip('link', 'set', 'dev', name, 'addrgenmode', 'none');
}

/** Moves a link out of this process's namespace. It arrives down. */
export function moveLink(name: string, namespace: PeerNamespace): void {
  ip('link', 'set', 'dev', name, 'netns', String(namespace.pid));
}

/** The counters of a link here, or in `namespace`. */
export function linkCounters(name: string, namespace?: PeerNamespace): LinkCounters {
  const args = ['-s', '-s', '-j', 'link', 'show', 'dev', name];
  const output = namespace === undefined ? ip(...args) : namespace.ip(...args);
  const [link]: { stats64: LinkCounters }[] = JSON.parse(output);
  if (link === undefined) throw new Error(`ip printed nothing about ${name}.`);
  return link.stats64;
}

/** Makes another network namespace. */
export async function openNamespace(): Promise<PeerNamespace> {
  // cat ends at the end of its input, which comes even when this process is killed.
  const holder = startChild('unshare', ['--net', '--', 'cat']);
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.stdin.write('in\n');
  const [pid] = await Promise.all([startedPid(holder), once(holder.stdout, 'data')]);
  const enter = ['--net', '-t', String(pid), '--'];
  return {
    pid,
    netns: netnsOf(pid),
    ip: (...args) => run('nsenter', [...enter, 'ip', ...args]),
    exec: (command, args) => promisify(execFile)('nsenter', [...enter, command, ...args]),
    spawn: (command, args) => startChild('nsenter', [...enter, command, ...args]),
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await ended;
    },
  };
}

/** The inode number of a process's network namespace; by default this process's. */
export function netnsOf(pid: number | 'self' = 'self'): number {
  const link = readlinkSync(`/proc/${pid}/ns/net`);
  return Number(link.replace(/\D/g, ''));
}

async function startedPid(child: ChildProcessWithoutNullStreams): Promise<number> {
  if (child.pid !== undefined) return child.pid;
  const [error] = await once(child, 'error');
  throw error;
}

/** Its stderr is in the message of what execFileSync throws. */
function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });
}
