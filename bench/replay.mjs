import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeFrame, openInjector } from '../dist/index.js';
import { interleaved, medianOf, medianRatio, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { mustBeEqual, received, vethPair } from './network.mjs';
import { has, missing } from './programs.mjs';

/** Replays of a file over a veth pair, counted at the receiver, against tcpreplay. */
export async function measure({ rounds, scale }) {
  const count = 1_000_000 * scale;
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-bench-'));
  vethPair('sender', 'receiver');
  const injector = openInjector('sender');
  try {
    const file = join(folder, 'frames.pcap');
    writeFileSync(file, captureOf(count));
    const replay = (engine) => () =>
      counted(count, async () => {
        const cpu = process.cpuUsage();
        const { durationMs } = await injector.replay(file, {
          speed: Number.POSITIVE_INFINITY,
          engine,
        });
        const { user, system } = process.cpuUsage(cpu);
        return { seconds: durationMs / 1000, cpuSeconds: (user + system) / 1e6 };
      });
    const results = await interleaved(rounds, {
      ...(has('tcpreplay') && { tcpreplay: () => counted(count, () => tcpreplay(file)) }),
      sendmmsg: replay('sendmmsg'),
      xdp: replay('af-xdp'),
    });
    const speed = ({ seconds }) => count / seconds;
    const row = (what, name, ...targets) => {
      if (results[name] === undefined) return [what, ...Array(6).fill('')];
      const cells =
        targets.length > 0 && results.tcpreplay !== undefined
          ? targetCells(
              medianRatio(results[name], results.tcpreplay, speed),
              ...targets,
              unit('', 2),
            )
          : ['', '', '', ''];
      const cpu = medianOf(results[name], ({ cpuSeconds }) => cpuSeconds / count);
      return [what, unit('')(medianOf(results[name], speed)), unit(' ns', 0, 1e9)(cpu), ...cells];
    };
    return {
      title: `Replays: ${count} frames of 60 bytes, pcap, as fast as it goes, counted at the receiver`,
      heads: [
        '',
        'frames/s',
        'CPU a frame',
        `of tcpreplay, ${TARGET_HEADS[0]}`,
        ...TARGET_HEADS.slice(1),
      ],
      rows: [
        row('tcpreplay --preload-pcap --topspeed', 'tcpreplay'),
        row('replay', 'sendmmsg', 1.5, 2),
        row('replay, af-xdp', 'xdp', 1.5, 2),
      ],
      notes: [
        ...missing({ tcpreplay: 'tcpreplay' }),
        'What tcpreplay takes to load the file is not counted as its time, but as its CPU; what a replay takes to read it is in both.',
      ],
    };
  } finally {
    injector.close();
    rmSync(folder, { recursive: true });
  }
}

/** pcap-savefile(5) */
function captureOf(count) {
  const frame = composeFrame({
    source: '02:00:00:00:00:0a',
    destination: '02:00:00:00:00:0b',
    etherType: 0x4321,
  });
  const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex');
  const record = Buffer.concat([Buffer.from('00000000000000003c0000003c000000', 'hex'), frame]);
  return Buffer.concat([header, ...Array.from({ length: count }, () => record)]);
}

/** By what it says of itself, and bash of its CPU. */
function tcpreplay(file) {
  const script = `TIMEFORMAT='%U %S'; time tcpreplay --preload-pcap --topspeed --intf1 sender "$1"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', file], { encoding: 'utf8' });
  const [, seconds] = /sent in ([\d.]+) seconds/.exec(stdout + stderr) ?? [];
  const [user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { seconds: Number(seconds), cpuSeconds: user + system };
}

async function counted(count, send) {
  const before = received('receiver').packets;
  const result = await send();
  mustBeEqual('Frames that arrived', received('receiver').packets - before, count);
  return result;
}
