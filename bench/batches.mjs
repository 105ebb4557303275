import { watchDrops } from '../dist/index.js';
import { interleaved, medianOf, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { loopbackUp, mustBeEqual, received } from './network.mjs';

/** Drops through batches() under flood. */
export async function measure({ rounds, scale, peers }) {
  loopbackUp();
  const count = 1_000_000 * scale;
  const flood = () => peers.run('sendmmsg_loop', 'lo', count);
  const { batches, each } = await interleaved(rounds, {
    batches: () => flooded(flood, (batch) => batch.length),
    each: () => flooded(flood, countEach),
  });
  const rows = (what, results) => [
    [
      `${what}, drops a second`,
      ...targetCells(
        medianOf(results, ({ speed }) => speed),
        700_000,
        1_000_000,
        unit(''),
      ),
    ],
    [
      '  lost',
      ...targetCells(
        medianOf(results, ({ lost }) => lost),
        0.03,
        0,
        unit(' %', 2, 100),
      ),
    ],
  ];
  const sender = unit('')(medianOf(batches, ({ sent }) => sent));
  return {
    title: `batches(): ${count} drops from a sender in C, ring of 16 MiB`,
    heads: ['', ...TARGET_HEADS],
    rows: [...rows('counted', batches), ...rows('every DropEvent read', each)],
    notes: [
      'The sender and this reader share two CPUs with everything else that runs.',
      `There cannot be more than are sent: ${sender} a second while the first of these watched.`,
    ],
  };
}

function countEach(batch) {
  let events = 0;
  for (const _ of batch) events++;
  return events;
}

/** Reads batches with `read`, which gives how many drops it had, while `flood` runs. */
async function flooded(flood, read) {
  const before = received('lo').dropped;
  const watch = await watchDrops({ interface: 'lo', ringBytes: 2 ** 24 });
  const sending = flood().then(async (report) => {
    await watch.close();
    return report;
  });
  let delivered = 0;
  let first;
  let end;
  for await (const batch of watch.batches()) {
    first ??= batch.at(0).timestampNs;
    delivered += read(batch);
    end = process.hrtime.bigint();
  }
  const { seconds } = await sending;
  const dropped = received('lo').dropped - before;
  const lost = watch.lost.kernel + watch.lost.queue;
  mustBeEqual('Delivered and lost', delivered + lost, dropped);
  return {
    speed: delivered / (Number(end - first) / 1e9),
    sent: dropped / seconds,
    lost: lost / dropped,
  };
}
