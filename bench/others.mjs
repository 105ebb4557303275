import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchDrops } from '../dist/index.js';
import { interleaved, median, medianOf, unit } from './harness.mjs';
import { loopbackUp, received } from './network.mjs';
import { spawnWithTracefs } from './programs.mjs';

const FIELDS = '$skb->dev->ifindex, *$mac, *($mac + 1), args->location, args->reason';
const HEADER = `$skb = (struct sk_buff *)args->skbaddr;
  $mac = (uint64 *)($skb->head + $skb->mac_header);`;
const KEEP_READY = 'interval:ms:100 { printf("ready\\n"); }';

/**
 * What others add to a drop, and how many they tell. `command` is run by sh; its output is counted in
 * lines with `line`, and `ready` (or a second) says that it is armed.
 */
const OTHERS = {
  'bpftrace, count map': {
    program: 'bpftrace',
    command: `exec bpftrace -e 'tracepoint:skb:kfree_skb { ${HEADER} @[${FIELDS}] = count(); } ${KEEP_READY}'`,
    tells: 'MACs',
    // Its map is printed at the end: the counts are in it.
    count: (text) => sum(text.matchAll(/^@\[.*\]: (\d+)$/gm)),
  },
  'bpftrace, printf': {
    program: 'bpftrace',
    command: `exec bpftrace -e 'tracepoint:skb:kfree_skb { ${HEADER} printf("%d %lx %lx %lx %d\\n", ${FIELDS}); } ${KEEP_READY}'`,
    tells: 'MACs',
    count: (text) => text.split('\n').filter((line) => / /.test(line)).length,
  },
  'perf record': {
    program: 'perf',
    command: 'exec perf record -q -a -e skb:kfree_skb -o "$FOLDER/perf.data" >&2',
    tells: 'no MACs',
    count: (_, folder) => {
      const args = ['script', '-i', join(folder, 'perf.data'), '-F', 'event'];
      const { stdout } = spawnSync('perf', args, { encoding: 'latin1', maxBuffer: 2 ** 30 });
      return stdout.split('\n').filter((line) => line.includes('kfree_skb')).length;
    },
  },
  'perf trace': {
    program: 'perf',
    command: 'exec perf trace -a -e skb:kfree_skb 2>&1',
    tells: 'no MACs',
    count: (text) => text.split('\n').filter((line) => line.includes('kfree_skb')).length,
  },
  trace_pipe: {
    program: 'cat',
    command:
      'cd /sys/kernel/tracing/instances && mkdir dropscope-bench && cd dropscope-bench && ' +
      'echo 1 >events/skb/kfree_skb/enable && exec cat trace_pipe',
    after: 'rmdir /sys/kernel/tracing/instances/dropscope-bench',
    tells: 'no MACs',
    count: (text) => text.split('\n').filter((line) => line.includes('kfree_skb')).length,
  },
  dropwatch: {
    program: 'dropwatch',
    // It reads its commands from a terminal, or from this. SIGINT only ends what `start` began.
    command:
      'mkfifo "$FOLDER/in" && exec <>"$FOLDER/in" && echo start >&0 && exec dropwatch -l kas',
    leave: (folder) => writeFileSync(join(folder, 'in'), 'exit\n'),
    tells: 'no MACs',
    count: (text) => sum(text.matchAll(/^(\d+) drops at /gm)),
  },
  tcpdump: {
    program: 'tcpdump',
    command: 'exec tcpdump -i lo -B 65536 -U -w "$FOLDER/dump" ether proto 0x4321 2>&1',
    tells: 'MACs, no drops',
    // 24 bytes of header, then 16 and the frame for each.
    count: (_, folder) => Math.floor((statSync(join(folder, 'dump')).size - 24) / (16 + 60)),
  },
};

/** dropscope beside other tools: the same frames, in the same run. */
export async function measure({ rounds, scale, peers }) {
  loopbackUp();
  const count = 100_000 * scale;
  const flood = () => peers.run('sendmmsg_loop', 'lo', count);
  const here = Object.entries(OTHERS).filter(
    ([, { program }]) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0,
  );
  const own = Math.min(rounds, 5);
  const results = await interleaved(own, {
    bare: flood,
    'dropscope, summary': () => summary(flood),
    'dropscope, batches()': () => batches(count, flood),
    ...Object.fromEntries(here.map(([name, other]) => [name, () => beside(other, flood)])),
  });
  const costs = ({ cpuSeconds }) => (cpuSeconds / count) * 1e9;
  const share = unit(' %', 1, 100);
  const rows = Object.entries(results)
    .filter(([name]) => name !== 'bare')
    .map(([name, runs]) => {
      const added = median(runs.map((run, round) => costs(run) - costs(results.bare[round])));
      return [
        name,
        unit(' ns')(added),
        share(medianOf(runs, ({ told }) => told / count)),
        unit(' us', 2)(medianOf(runs, ({ toolSeconds }) => (toolSeconds / count) * 1e6)),
        OTHERS[name]?.tells ?? 'MACs, counter',
        medianOf(runs, ({ dropped }) => dropped) === count ? 'no' : 'yes: +0',
      ];
    });
  const absent = Object.keys(OTHERS).filter((name) => !here.some(([present]) => present === name));
  return {
    title: `Beside others: ${count} drops a round`,
    heads: ['', 'added to a drop', 'told', 'its CPU, a drop', 'tells', 'disturbs the counter'],
    rows,
    notes: [
      `Medians of ${own} rounds.`,
      `A frame sent and dropped without any of them costs ${unit(' ns')(medianOf(results.bare, costs))}.`,
      ...(absent.length > 0 ? [`Not installed: ${absent.join(', ')}.`] : []),
    ],
  };
}

async function summary(flood) {
  const watch = await watchDrops({ interface: 'lo', deliver: 'summary' });
  return ours(watch, flood, async () => (await watch.summary()).drops);
}

async function batches(count, flood) {
  const watch = await watchDrops({ interface: 'lo', ringBytes: 2 ** 24, queueLimit: count });
  let told = 0;
  const reading = (async () => {
    for await (const batch of watch.batches()) told += batch.length;
  })();
  return ours(watch, flood, async () => {
    await watch.close();
    await reading;
    return told;
  });
}

async function ours(watch, flood, count) {
  const before = received('lo').dropped;
  const cpu = process.cpuUsage();
  const report = await flood();
  const told = await count();
  const { user, system } = process.cpuUsage(cpu);
  await watch.close();
  const dropped = received('lo').dropped - before;
  return { ...report, told, dropped, toolSeconds: (user + system) / 1e6 };
}

async function beside({ command, after, leave, count }, flood) {
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-bench-'));
  const tool = spawnWithTracefs(`(${command}); ${after ?? ':'}`, [], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, FOLDER: folder, BPFTRACE_MAX_STRLEN: '64' },
  });
  const chunks = [];
  tool.stdout.on('data', (chunk) => chunks.push(chunk));
  const ended = once(tool, 'close');
  try {
    await sleep(ARMING_MS);
    const pid = childOf(childOf(tool.pid) ?? tool.pid) ?? childOf(tool.pid) ?? tool.pid;
    const before = received('lo').dropped;
    const cpu = cpuSeconds(pid);
    const report = await flood();
    const dropped = received('lo').dropped - before;
    // What it still has to write.
    await sleep(SETTLING_MS);
    const toolSeconds = cpuSeconds(pid) - cpu;
    process.kill(pid, 'SIGINT');
    leave?.(folder);
    await ended;
    const told = count(Buffer.concat(chunks).toString('latin1'), folder);
    return { ...report, told, dropped, toolSeconds };
  } finally {
    tool.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

const ARMING_MS = 2500;
const SETTLING_MS = 1500;

function childOf(pid) {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return child === '' || child === undefined ? undefined : Number(child);
}

/** User and system time of a process: proc_pid_stat(5). */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sum(matches) {
  return [...matches].reduce((all, [, number]) => all + Number(number), 0);
}
