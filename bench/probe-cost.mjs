import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { watchDrops } from '../dist/index.js';
import { hasBpftrace, whileBpftraceCounts } from './bpftrace.mjs';
import { interleaved, median, medianOf, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { loopbackUp, mustBeEqual, received } from './network.mjs';

/** What a drop takes of the ring: its header, the record and 64 bytes of the frame. */
const RECORD_BYTES = 8 + 80 + 64;

/** A round's drops are sent in so many parts, and a round counts as its middle one. */
const PARTS = 10;

/**
 * What a probe adds to the sender's CPU time for each drop: there it runs, within the drop. With
 * `--against`, what the sender takes as a whole with this build and with another one.
 */
export function measure(options) {
  loopbackUp();
  return options.against === undefined ? measureAdded(options) : measureAgainst(options);
}

async function measureAdded({ rounds, scale, peers }) {
  const count = 200_000 * scale;
  const part = ['sendmmsg_loop', 'lo', count / PARTS];
  const blocking = () => inParts(() => peers.runBlocking(...part));
  const ringForAll = 2 ** Math.ceil(Math.log2(count * RECORD_BYTES));

  // Differences of times are noisy: three times as many rounds as elsewhere.
  const results = await interleaved(3 * rounds, {
    bare: blocking,
    unread: () => watched(watchDrops, count, ringForAll, blocking),
    read: () => watched(watchDrops, count, 2 ** 24, () => inParts(() => peers.run(...part))),
    summary: () => summedUp(watchDrops, count, blocking),
    ...(hasBpftrace() && { bpftrace: () => whileBpftraceCounts(blocking) }),
  });

  const nanoseconds = unit(' ns');
  const share = unit(' %', 1, 100);
  const costs = ({ cpuSeconds }) => (cpuSeconds / count) * 1e9;
  const bare = results.bare.map(costs);
  const row = (what, name, ...targets) => {
    const added = median(results[name].map((result, round) => costs(result) - bare[round]));
    const ratio = median(results[name].map((result, round) => costs(result) / bare[round]));
    const cells =
      targets.length > 0
        ? targetCells(added, ...targets, nanoseconds)
        : [nanoseconds(added), '', '', ''];
    const ofWatch = 'lost' in results[name][0];
    const lost = ofWatch ? share(medianOf(results[name], (result) => result.lost)) : '';
    return [what, ...cells, unit('', 2)(ratio), lost];
  };
  return {
    title: `What a probe adds to a drop: ${count} drops a round, CPU time of the sender`,
    heads: ['', ...TARGET_HEADS, 'of bare', 'lost'],
    rows: [
      row('watch, not read meanwhile', 'unread', 500, 300),
      row('watch, read by batches()', 'read', 500, 300),
      row('summary', 'summary', 350, 200),
      results.bpftrace === undefined
        ? ['bpftrace, count map', 'not installed', '', '', '', '', '']
        : row('bpftrace, count map', 'bpftrace'),
    ],
    notes: [
      `Medians of ${3 * rounds} rounds, each the median of ${PARTS} parts.`,
      ...againstBpftrace(results, costs, bare),
      `A frame sent and dropped without any probe costs ${nanoseconds(median(bare))}.`,
    ],
  };
}

/** At most so much more than with the other build. */
const MOST_OF_OTHER = 1.05;

async function measureAgainst({ rounds, scale, peers, against }) {
  const other = await import(pathToFileURL(resolve(against, 'index.js')).href);
  const builds = { this: watchDrops, other: other.watchDrops };
  const count = 200_000 * scale;
  const blocking = () => inParts(() => peers.runBlocking('sendmmsg_loop', 'lo', count / PARTS));
  const ringForAll = 2 ** Math.ceil(Math.log2(count * RECORD_BYTES));
  const ways = {
    'watch, not read meanwhile': (build) => watched(build, count, ringForAll, blocking),
    summary: (build) => summedUp(build, count, blocking),
  };
  const competitors = Object.entries(ways).flatMap(([way, run]) =>
    Object.entries(builds).map(([name, build]) => [`${name} ${way}`, () => run(build)]),
  );
  const results = await interleaved(3 * rounds, Object.fromEntries(competitors));
  const costs = (name) => results[name].map(({ cpuSeconds }) => (cpuSeconds / count) * 1e9);
  const nanoseconds = unit(' ns');
  const rows = Object.keys(ways).map((way) => {
    const [own, others] = [costs(`this ${way}`), costs(`other ${way}`)];
    const ratio = median(own.map((cost, round) => cost / others[round]));
    const verdict = ratio <= MOST_OF_OTHER ? 'holds' : 'MISSED';
    const cells = [median(own), median(others)].map((cost) => nanoseconds(cost));
    return [way, ...cells, unit('', 3)(ratio), unit('', 2)(MOST_OF_OTHER), verdict];
  });
  return {
    title: `A frame sent and dropped, this build and ${against}: ${count} drops a round, CPU time of the sender`,
    heads: ['', 'this', 'other', 'this/other', 'at most', ''],
    rows,
    notes: [`Medians of ${3 * rounds} rounds, each the median of ${PARTS} parts.`],
  };
}

/** Sends part after part. What else the machine does in short bursts does not count then. */
async function inParts(send) {
  const parts = [];
  for (let part = 0; part < PARTS; part++) parts.push((await send()).cpuSeconds);
  return { cpuSeconds: median(parts) * PARTS };
}

/** Sends while a watch is open, and checks that it misses none. */
async function watched(watchDrops, count, ringBytes, send) {
  const before = received('lo').dropped;
  const watch = await watchDrops({ interface: 'lo', ringBytes, queueLimit: count });
  const reading = countDrops(watch);
  const report = await send();
  await watch.close();
  mustBeEqual('Drops', received('lo').dropped - before, count);
  const { kernel, queue } = watch.lost;
  mustBeEqual('Delivered and lost', (await reading) + kernel + queue, count);
  return { ...report, lost: (kernel + queue) / count };
}

/** How much less a summary adds than the same map in bpftrace. */
function againstBpftrace({ summary, bpftrace }, costs, bare) {
  if (bpftrace === undefined) return [];
  const added = (results) => median(results.map((result, round) => costs(result) - bare[round]));
  const ratio = unit('', 1)(added(bpftrace) / added(summary));
  return [`What bpftrace adds, over what a summary adds: ${ratio}; at least 3.`];
}

/** Sends while a watch sums up, and checks that it misses none. */
async function summedUp(watchDrops, count, send) {
  const watch = await watchDrops({ interface: 'lo', deliver: 'summary' });
  const report = await send();
  const { drops } = await watch.summary();
  await watch.close();
  mustBeEqual('Summed up', drops, count);
  return { ...report, lost: 0 };
}

async function countDrops(watch) {
  let count = 0;
  for await (const batch of watch.batches()) count += batch.length;
  return count;
}
