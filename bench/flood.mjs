import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { composeFrame, openInjector } from '../dist/index.js';
import { interleaved, medianOf, medianRatio, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { mustBeEqual, received, vethPair } from './network.mjs';
import { has, hasScapy, missing, run, timedProgram } from './programs.mjs';

const FRAME = {
  source: '02:00:00:00:00:0a',
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
};

const VARY = { field: 'source', from: '02:00:00:00:00:00' };

/** Rates that must be held within a hundredth. */
const RATES = [1000, 100_000];

/** Slower than a hundredth of the others: they send less. */
const SCAPY_COUNT = 2000;

/** Floods over a veth pair, counted at the receiver, against trafgen, mausezahn, scapy and a loop in C. */
export async function measure({ rounds, scale, peers }) {
  const count = 1_000_000 * scale;
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-bench-'));
  const plain = open('sender', 'receiver');
  const offloaded = open('gro-sender', 'gro-receiver');
  const hasGro = has('ethtool') && run('ethtool', ['-K', 'gro-receiver', 'gro', 'on']);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const flood = (pair, plan) => async () => {
    delay.enable();
    try {
      return await counted(pair, count, () =>
        timed(() => pair.injector.flood({ frame: FRAME, count, ...plan })),
      );
    } finally {
      delay.disable();
    }
  };
  try {
    const file = join(folder, 'frame.cfg');
    const bytes = composeFrame(FRAME);
    writeFileSync(file, `{ ${bytes.join(', ')} }`);
    const trafgen = (pair, processes) => () => {
      const args = ['--dev', pair.sender, '--conf', file, '--num', count, '--cpus', processes];
      return counted(pair, count, () => timedProgram('trafgen', args));
    };
    const mausezahn = () => {
      const frame = Buffer.from(bytes).toString('hex');
      return counted(plain, count, () =>
        timedProgram('mausezahn', ['-q', '-c', count, plain.sender, frame]),
      );
    };
    const hasTrafgen = has('trafgen');
    const results = await interleaved(rounds, {
      c: () => counted(plain, count, () => peers.runBlocking('sendmmsg_loop', 'sender', count)),
      ...(hasTrafgen && { trafgen: trafgen(plain, 1) }),
      one: flood(plain, {}),
      varied: flood(plain, { vary: VARY }),
      xdp: flood(plain, { engine: 'af-xdp' }),
      xdpVaried: flood(plain, { engine: 'af-xdp', vary: VARY }),
      ...(hasTrafgen && { trafgens: trafgen(plain, 2) }),
      two: flood(plain, { threads: 2 }),
      ...(hasTrafgen && hasGro && { trafgenGro: trafgen(offloaded, 1) }),
      ...(hasGro && {
        live: flood(offloaded, { engine: 'live-frames' }),
        liveVaried: flood(offloaded, { engine: 'live-frames', vary: VARY }),
      }),
      ...(has('mausezahn') && { mausezahn }),
      ...(hasScapy() && { scapy: () => scapy(plain, bytes) }),
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
      rows: rowsOf(results),
      notes: [
        ...missing({ trafgen: 'netsniff-ng', mausezahn: 'netsniff-ng', ethtool: 'ethtool' }),
        ...(hasScapy() ? [] : ['Not installed: scapy (Debian: python3-scapy).']),
        `Event-loop delay while it floods, 99th percentile: ${unit(' ms', 1, 1e-6)(delay.percentile(99))}; at most 20.`,
        ...(await paced(plain.injector, scale)),
      ],
    };
  } finally {
    plain.injector.close();
    offloaded.injector.close();
    rmSync(folder, { recursive: true });
  }
}

function open(sender, receiver) {
  vethPair(sender, receiver);
  return { sender, receiver, injector: openInjector(sender) };
}

function rowsOf(results) {
  const speed = ({ seconds, frames }) => frames / seconds;
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
      unit(' ns', 0, 1e9)(medianOf(results[name], ({ cpuSeconds, frames }) => cpuSeconds / frames)),
      unit('', 2)(ratio(name, 'c')),
      ...cells,
    ];
  };
  return [
    row('C: sendmmsg(256)', 'c'),
    row('trafgen, one process', 'trafgen'),
    row('flood', 'one', 'trafgen', 1, 1.1),
    row('flood, source varied', 'varied', 'trafgen', 1, 1.1),
    row('flood, af-xdp', 'xdp', 'trafgen', 1.4, 1.7),
    row('flood, af-xdp, source varied', 'xdpVaried', 'trafgen', 1.4, 1.7),
    row('trafgen, two processes', 'trafgens'),
    row('flood, two threads', 'two', 'trafgens', 0.95, 1.1),
    row('trafgen, receiver with GRO', 'trafgenGro'),
    row('flood, live-frames, the same', 'live', 'trafgenGro', 2.5, 3.2),
    row('flood, live-frames, source varied', 'liveVaried', 'trafgenGro', 2.5, 3.2),
    row('mausezahn', 'mausezahn'),
    row(`scapy, sendp() of ${SCAPY_COUNT}`, 'scapy'),
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

async function counted({ receiver }, count, send) {
  const before = received(receiver).packets;
  const result = await send();
  mustBeEqual('Frames that arrived', received(receiver).packets - before, count);
  return { ...result, frames: count };
}

function scapy(pair, bytes) {
  const script = [
    'import resource, time',
    'from scapy.all import Ether, sendp',
    `frame = Ether(bytes.fromhex('${Buffer.from(bytes).toString('hex')}'))`,
    'start, cpu = time.monotonic(), time.process_time()',
    `sendp(frame, iface='${pair.sender}', count=${SCAPY_COUNT}, verbose=False)`,
    'print(time.monotonic() - start, time.process_time() - cpu)',
  ];
  return counted(pair, SCAPY_COUNT, () => {
    const args = ['-c', script.join('\n')];
    const { stdout } = spawnSync('/usr/bin/python3', args, { encoding: 'utf8' });
    const [seconds, cpuSeconds] = stdout.trim().split(' ').map(Number);
    return { seconds, cpuSeconds };
  });
}

async function timed(send) {
  const cpu = process.cpuUsage();
  const { durationMs } = await send();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: durationMs / 1000, cpuSeconds: (user + system) / 1e6 };
}
