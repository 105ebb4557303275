import { availableParallelism } from 'node:os';
import { watchDrops } from '../dist/index.js';
import { unit } from './harness.mjs';
import { loopbackUp, mustBeEqual, received } from './network.mjs';

const RUNS = 3;
const EVERY_MS = 1000;
const TALKERS = 1000;

/** As talkers_loop has them. */
const REAL_TALKERS = 10;

/** What native/kernel/talker_set.h says: tables, sets, and bytes of a set. */
const TABLE_BYTES = 2 * 256 * 1408;

/** Whether a summary is exact at full speed on both CPUs, and what it costs JavaScript. */
export async function measure({ scale, peers }) {
  loopbackUp();
  // The kernel's names are loaded once in a process, whatever drops come.
  await counted('', 1000, 1, { peers }, () => {});
  const rows = [];
  for (let run = 1; run <= RUNS; run++) rows.push(await flood(run, 10_000_000 * scale, peers));
  // It lasts a second, and late talkers find a place when the tables are emptied.
  rows.push(await random(1_000_000 * scale, 100, peers));
  rows.push(await random(10_000_000 * scale, EVERY_MS, peers));
  const mib = unit(' MiB', 2, 1 / 2 ** 20);
  return {
    title: 'Drops counted by talker, both CPUs at full speed',
    heads: ['', 'drops', 'a second', 'counted', 'unattributed', 'listed', 'others', 'CPU', 'RSS'],
    rows,
    notes: [
      `The tables in the kernel take ${mib(TABLE_BYTES)} for each possible CPU; here are ${availableParallelism()}.`,
      'CPU: of this process, of one CPU, beside the senders. Each real talker lies within its bounds.',
    ],
  };
}

async function flood(run, count, peers) {
  return counted(
    `${TALKERS} talkers, run ${run}`,
    count,
    TALKERS,
    { peers },
    ({ talkers, others }) => {
      mustBeEqual('Talkers', talkers.length, TALKERS);
      mustBeEqual('Others', others, 0);
      for (const talker of talkers) mustBeEqual('Drops of a talker', talker.count, count / TALKERS);
    },
  );
}

/** Random sources, and real talkers among them. */
async function random(count, everyMs, peers) {
  const what = `random MACs, 10 talkers of 1 %, told every ${everyMs} ms`;
  return counted(what, count, 0, { everyMs, peers }, ({ talkers }) => {
    for (let number = 0; number < REAL_TALKERS; number++) {
      const real = 2 * sentBy(number, count / 2);
      const source = `02:00:00:00:00:0${number}`;
      const { count: least = 0, missing = 0 } = talkers.find((row) => row.source === source) ?? {};
      const within = least > 0 && least <= real && real <= least + missing;
      console.log(`  talker ${number}: ${real} drops; shown ${least}, at most ${missing} more`);
      if (!within) throw new Error(`Talker ${number} is not within its bounds.`);
    }
  });
}

/** How many frames one sender sends for a real talker. */
function sentBy(number, count) {
  let sent = 0;
  for (let i = number; i < count; i += 100) if (i >= number * Math.floor(count / 20)) sent++;
  return sent;
}

async function counted(what, count, talkers, { everyMs = EVERY_MS, peers }, check) {
  const before = received('lo').dropped;
  const drops = await watchDrops({ interface: 'lo', deliver: 'summary', everyMs });
  drops.on('summary', () => {});
  const cpu = process.cpuUsage();
  const start = performance.now();
  const send = () => peers.run('talkers_loop', 'lo', count / 2, talkers);
  await Promise.all([send(), send()]);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const summary = await drops.summary();
  const [row] = (await drops.ledger()).rows;
  await drops.close();
  mustBeEqual('Drops', received('lo').dropped - before, count);
  mustBeEqual('Summed up', summary.drops, count);
  mustBeEqual('Counted by the ledger', Number(row.counted), count);
  mustBeEqual('Unattributed', Number(row.unattributed), 0);
  check(summary);
  return [
    what,
    ...[count, count / seconds, summary.drops, row.unattributed].map((value) =>
      unit('')(Number(value)),
    ),
    unit('')(summary.talkers.length),
    unit('')(summary.others),
    unit(' %', 1, 100)((user + system) / 1e6 / seconds),
    unit(' MiB', 0, 1 / 2 ** 20)(process.memoryUsage.rss()),
  ];
}
