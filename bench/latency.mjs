import { once } from 'node:events';
import { watchDrops } from '../dist/index.js';
import { interleaved, median, quantile, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { loopbackUp, mustBeEqual, received } from './network.mjs';

/** Between two drops of the paced sender. */
const PAUSE_NS = 10_000_000;

/** Under flood the clock is read at one drop of so many: reading it costs as much as a drop. */
const SAMPLE = 16;

/** From the drop in the kernel to a 'drop' listener. */
export async function measure({ rounds, scale, peers }) {
  loopbackUp();
  const count = 100 * scale;
  const { stdout, paced, flood } = await interleaved(rounds, {
    stdout: () => stdoutLatencies(count, peers.start('stdout_clock', count, PAUSE_NS)),
    paced: () => latencies(1, () => peers.run('send_loop', 'lo', count, PAUSE_NS)),
    flood: () => latencies(SAMPLE, () => peers.run('sendmmsg_loop', 'lo', 500_000 * scale)),
  });
  const ms = unit(' ms', 3, 1e-6);
  const most = (results) => ms(median(results.map(({ ns }) => quantile(ns, 0.99))));
  const lost = (results) => unit(' %', 1, 100)(median(results.map((result) => result.lost)));
  const medianNs = (results) => median(results.map(({ ns }) => median(ns)));
  return {
    title: "Latency: from the drop in the kernel to a 'drop' listener, median",
    heads: ['', ...TARGET_HEADS, '99 % within', 'lost'],
    rows: [
      [
        '100 drops a second',
        ...targetCells(medianNs(paced), 0.2e6, 0.05e6, ms),
        most(paced),
        lost(paced),
      ],
      ['flood', ...targetCells(medianNs(flood), 10e6, 6e6, ms), most(flood), lost(flood)],
      ["stdout of C to 'data', 100 a second", ms(medianNs(stdout)), '', '', '', most(stdout), ''],
    ],
    notes: [
      'A process waits for 10 ms between two; how fast Node.js wakes up then, the stdout shows.',
    ],
  };
}

/** From what a process in C writes to its stdout, of which it is the time, to a 'data' listener. */
async function stdoutLatencies(count, process_) {
  const ns = [];
  process_.stdout.on('data', (bytes) => {
    const now = process.hrtime.bigint();
    for (let at = 0; at < bytes.length; at += 8) ns.push(Number(now - bytes.readBigUInt64LE(at)));
  });
  await once(process_, 'close');
  mustBeEqual('Times', ns.length, count);
  return { ns };
}

/** Watches while `send` runs, and takes the latency of one drop of `sample`. */
async function latencies(sample, send) {
  const before = received('lo').dropped;
  const watch = await watchDrops({ interface: 'lo' });
  const ns = [];
  let seen = 0;
  watch.on('drop', ({ timestampNs }) => {
    if (seen++ % sample === 0) ns.push(Number(process.hrtime.bigint() - timestampNs));
  });
  await send();
  await watch.close();
  const dropped = received('lo').dropped - before;
  mustBeEqual('Delivered and lost', seen + watch.lost.kernel + watch.lost.queue, dropped);
  return { ns, lost: watch.lost.kernel / dropped };
}
