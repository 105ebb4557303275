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
  const { pipe, paced, flood } = await interleaved(rounds, {
    pipe: () => pipeLatencies(() => peers.start('pipe_clock', 100 * scale, PAUSE_NS)),
    paced: () => latencies(1, () => peers.run('send_loop', 'lo', 100 * scale, PAUSE_NS)),
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
      ["a pipe from C to 'data', 100 a second", ms(medianNs(pipe)), '', '', '', most(pipe), ''],
    ],
    notes: [
      'A process waits for 10 ms between two; how fast Node.js wakes up then, the pipe shows.',
    ],
  };
}

/** How long after a process in C wrote to a pipe Node.js has it. */
async function pipeLatencies(start) {
  const ns = [];
  for await (const bytes of start().stdout) {
    ns.push(Number(process.hrtime.bigint() - bytes.readBigUInt64LE()));
  }
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
