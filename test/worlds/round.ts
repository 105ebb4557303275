import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { judge } from './judge.ts';
import type { Observed } from './observed.ts';
import type { World } from './world.ts';

/**
 * All that a round makes is in namespaces of its own, and ends with its first process. Names of network
 * namespaces and mounts of tracefs are the round's own.
 */
const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const PREPARE = `
  mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
  [ -d /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
  exec "$@"`;
const REMOVE = `
  [ -d /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing
  rmdir "/sys/kernel/tracing/instances/$1"`;
const PLAY = fileURLToPath(new URL('play.js', import.meta.url));

/** What a round gave. */
export interface Round {
  /** Undefined: it came to no end. */
  readonly observed?: Observed;
  /** Empty: it passed. */
  readonly problems: readonly string[];
}

let rounds = 0;

/** Plays a world in a process of its own, for so many seconds at most, and judges what became known. */
export async function playRound(world: World, limitS: number): Promise<Round> {
  rounds += 1;
  const instance = `dropscope-world-${process.pid}-${rounds}`;
  const node = ['node', PLAY, instance];
  const child = spawn('unshare', [...NAMESPACES, 'sh', '-c', PREPARE, 'sh', ...node]);
  let states = '';
  const timer = setTimeout(() => {
    states = statesOf(child.pid ?? 0);
    child.kill('SIGKILL');
  }, limitS * 1000);
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(world));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  clearTimeout(timer);
  // What ends early leaves its instance of ftrace.
  if (stdout === '') spawnSync('unshare', ['--mount', 'sh', '-c', REMOVE, 'sh', instance]);
  if (states !== '') return { problems: [`It hangs:\n${states}${stderr}`] };
  try {
    const observed: Observed = JSON.parse(stdout);
    const words = stderr === '' ? [] : [`It said: ${stderr}`];
    return { observed, problems: [...judge(world, observed), ...words] };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problems: [`It did not come to its end: ${stderr}`] };
  }
}

/** What a process and those that it started are doing. */
function statesOf(pid: number): string {
  const read = (file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const own = `${pid} ${read('comm')} ${/^State:.*$/m.exec(read('status'))?.[0]}\n${read('stack')}\n`;
  const children = threadsOf(pid).flatMap((thread) =>
    read(`task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return own + children.map(statesOf).join('');
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
