import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { composeFrame, openInjector } from '../dist/index.js';
import { interleaved, medianOf, medianRatio, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { mustBeEqual, received, vethPair } from './network.mjs';

const FRAME = {
  source: '02:00:00:00:00:0a',
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
};

/** Rates that must be held within a hundredth. */
const RATES = [1000, 100_000];

/** Floods over a veth pair, counted at the receiver, against trafgen and a loop in C. */
export async function measure({ rounds, scale, peers }) {
  const count = 1_000_000 * scale;
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-bench-'));
  vethPair('sender', 'receiver');
  const injector = openInjector('sender');
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const flood = (plan) => async () => {
    delay.enable();
    try {
      return await counted(count, () =>
        timed(() => injector.flood({ frame: FRAME, count, ...plan })),
      );
    } finally {
      delay.disable();
    }
  };
  try {
    const frame = join(folder, 'frame.cfg');
    writeFileSync(frame, `{ ${composeFrame(FRAME).join(', ')} }`);
    const trafgen = (processes) => () => {
      const args = ['--dev', 'sender', '--conf', frame, '--num', count, '--cpus', processes];
      return counted(count, () => timedProgram('trafgen', args));
    };
    const hasTrafgen = spawnSync('trafgen', ['--version']).error === undefined;
    const results = await interleaved(rounds, {
      c: () => counted(count, () => peers.runBlocking('sendmmsg_loop', 'sender', count)),
      one: flood({}),
      varied: flood({ vary: { field: 'source', from: '02:00:00:00:00:00' } }),
      ...(hasTrafgen && { trafgen: trafgen(1) }),
      two: flood({ threads: 2 }),
      ...(hasTrafgen && { trafgens: trafgen(2) }),
    });
    return {
      title: `Floods: ${count} frames of 60 bytes a round, veth, counted at the receiver`,
      heads: [
        '',
        'frames/s',
        'CPU a frame',
        'of C',
        `of trafgen, ${TARGET_HEADS[0]}`,
        ...TARGET_HEADS.slice(1),
      ],
      rows: rowsOf(results, count),
      notes: [
        ...(hasTrafgen ? [] : ['Not installed: trafgen (Debian: netsniff-ng).']),
        `Event-loop delay while it floods, 99th percentile: ${unit(' ms', 1, 1e-6)(delay.percentile(99))}; at most 20.`,
        ...(await paced(injector, scale)),
      ],
    };
  } finally {
    injector.close();
    rmSync(folder, { recursive: true });
  }
}

function rowsOf(results, count) {
  const speed = ({ seconds }) => count / seconds;
  const ratio = (name, peer) => medianRatio(results[name], results[peer], speed);
  const row = (what, name, peer, ...targets) => {
    if (results[name] === undefined) return [what, ...Array(7).fill('')];
    const cells =
      targets.length > 0 && results[peer] !== undefined
        ? targetCells(ratio(name, peer), ...targets, unit('', 2))
        : ['', '', '', ''];
    return [
      what,
      unit('')(medianOf(results[name], speed)),
      unit(' ns', 0, 1e9)(medianOf(results[name], ({ cpuSeconds }) => cpuSeconds / count)),
      unit('', 2)(ratio(name, 'c')),
      ...cells,
    ];
  };
  return [
    row('C: sendmmsg(256)', 'c'),
    row('trafgen, one process', 'trafgen'),
    row('flood', 'one', 'trafgen', 1, 1.1),
    row('flood, source varied', 'varied', 'trafgen', 1, 1.1),
    row('trafgen, two processes', 'trafgens'),
    row('flood, two threads', 'two', 'trafgens', 0.95, 1.1),
  ];
}

/** How well a rate is held. */
async function paced(injector, scale) {
  const notes = [];
  for (const framesPerSecond of RATES) {
    const report = await injector.flood({
      frame: FRAME,
      framesPerSecond,
      durationMs: 5000 * scale,
    });
    const off = unit(' %', 2, 100)(report.framesPerSecond / framesPerSecond - 1);
    const bursts = Math.ceil(framesPerSecond * 100e-6);
    notes.push(
      `Asked for ${framesPerSecond} frames a second, ${bursts} at once: off by ${off}; at most 1 %.`,
    );
  }
  return notes;
}

async function counted(count, send) {
  const before = received('receiver').packets;
  const result = await send();
  mustBeEqual('Frames that arrived', received('receiver').packets - before, count);
  return result;
}

async function timed(send) {
  const cpu = process.cpuUsage();
  const { durationMs } = await send();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: durationMs / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** By bash, which knows what its children used. */
function timedProgram(name, args) {
  const script = `TIMEFORMAT='%R %U %S'; time "$@" >/dev/null 2>&1`;
  const { stderr } = spawnSync('bash', ['-c', script, 'bash', name, ...args.map(String)], {
    encoding: 'utf8',
  });
  const [seconds, user, system] = stderr.trim().split(' ').map(Number);
  return { seconds, cpuSeconds: user + system };
}
