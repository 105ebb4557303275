import { watchDrops } from '../dist/index.js';
import { interleaved, medianOf, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { loopbackUp, mustBeEqual, received } from './network.mjs';

/** DropEvent objects through one `for await` loop. */
export async function measure({ rounds, scale, peers }) {
  loopbackUp();
  const count = 300_000 * scale;
  const flood = () => peers.run('sendmmsg_loop', 'lo', count);
  const { queued, live } = await interleaved(rounds, {
    async queued() {
      const watch = await watchDrops({ interface: 'lo', queueLimit: count, ringBytes: 2 ** 26 });
      await flood();
      return timeLoop(watch, count);
    },
    async live() {
      const before = received('lo').dropped;
      const watch = await watchDrops({ interface: 'lo', queueLimit: count });
      const sending = flood().then(() => watch.close());
      const result = await timeLoop(watch, Number.POSITIVE_INFINITY);
      await sending;
      const dropped = received('lo').dropped - before;
      mustBeEqual('Delivered and lost', result.events + lostBy(watch), dropped);
      return { ...result, lost: lostBy(watch) / dropped };
    },
  });
  const speed = ({ events, seconds }) => events / seconds;
  const cells = (results) => targetCells(medianOf(results, speed), 300_000, 600_000, unit(''));
  const lost = unit(' %', 1, 100)(medianOf(live, (result) => result.lost));
  return {
    title: 'DropEvent objects through one `for await` loop, a second',
    heads: ['', ...TARGET_HEADS, 'lost'],
    rows: [
      [`${count} drops that wait`, ...cells(queued), ''],
      ['while they are made', ...cells(live), lost],
    ],
    notes: ['While they are made, the sender has one of the CPUs, and can be the slower one.'],
  };
}

/** Reads up to `most` drops, or until the watch closes; then closes it. */
async function timeLoop(watch, most) {
  let events = 0;
  let bytes = 0;
  let start;
  let end = 0;
  for await (const drop of watch) {
    start ??= performance.now();
    bytes += drop.length;
    if (++events === most) break;
  }
  end = performance.now();
  await watch.close();
  mustBeEqual('Bytes of the frames', bytes, events * 60);
  return { events, seconds: (end - start) / 1000 };
}

function lostBy({ lost }) {
  return lost.kernel + lost.queue;
}
