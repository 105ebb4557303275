import { setTimeout as sleep } from 'node:timers/promises';
import { openInjector, watchDrops } from '../dist/index.js';
import { unit } from './harness.mjs';
import { mustBeEqual, received, vethPair } from './network.mjs';

/** What the reader does with each drop takes so long. */
const READ_MS = 2;

const SAMPLE_MS = 1000;

/** By how much memory may grow. */
const MOST_MIB = 64;

/** Time for whatever else is to be allocated at the start. */
const WARM_UP_MS = 2000;

const FRAME = { destination: '02:00:00:00:00:0b', etherType: 0x4321 };

/**
 * A watch with default options in a full flood, whose reader takes 2 ms for each drop: does the memory
 * of the process grow? `npm run bench slow-reader -- --seconds 300`; not one of those that run by default.
 */
export async function measure({ scale, seconds = 300 * scale }) {
  vethPair('sender', 'receiver');
  const watch = await watchDrops({ interface: 'receiver' });
  const reading = readSlowly(watch);
  const injector = openInjector('sender');
  await injector.flood({ frame: FRAME, durationMs: 1 });
  await sleep(WARM_UP_MS);
  const start = process.memoryUsage.rss();
  const sending = injector.flood({ frame: FRAME, durationMs: seconds * 1000 });
  const samples = [];
  let done = false;
  void sending.finally(() => {
    done = true;
  });
  while (!done) {
    await sleep(SAMPLE_MS);
    samples.push(process.memoryUsage.rss());
  }
  const { sent, framesPerSecond } = await sending;
  injector.close();
  const end = samples.at(-1);
  const { rows } = await watch.ledger();
  const { dropped } = received('receiver');
  const { lost } = watch;
  await watch.close();
  const { delivered, left } = await reading;
  mustBeEqual('Delivered and lost', delivered + left + lost.kernel + lost.queue, dropped);

  const mib = unit(' MiB', 1, 1 / 2 ** 20);
  const grown = (rss) => mib(rss - start);
  const most = Math.max(...samples);
  return {
    title: `A reader that takes ${READ_MS} ms a drop, for ${seconds} s of a full flood`,
    heads: ['resident memory', 'measured', 'more than at the start'],
    rows: [
      ['at the start', mib(start), ''],
      ['at the end', mib(end), grown(end)],
      ['at most', mib(most), grown(most)],
    ],
    notes: [
      `${most - start <= MOST_MIB * 2 ** 20 ? 'holds' : 'MISSED'}: at most ${MOST_MIB} MiB more.`,
      `Sent: ${sent}, ${unit(' frames a second')(framesPerSecond)}. Dropped: ${dropped}.`,
      `Read: ${delivered}; waiting at the end: ${left}; lost in the kernel: ${lost.kernel}, in the queue: ${lost.queue}.`,
      ...rows.map((row) => `Ledger: counted ${row.counted}, unattributed ${row.unattributed}.`),
    ],
  };
}

/** Reads until the watch is closed, and counts then what is left. */
async function readSlowly(watch) {
  let delivered = 0;
  let left = 0;
  let closed = false;
  watch.once('close', () => {
    closed = true;
  });
  for await (const _ of watch) {
    if (closed) {
      left += 1;
      continue;
    }
    delivered += 1;
    await sleep(READ_MS);
  }
  return { delivered, left };
}
