import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { injectFrame, watchDrops } from '../dist/index.js';
import { median, unit } from './harness.mjs';
import { ip, loopbackUp } from './network.mjs';

const DROPS_A_SECOND = 50_000;

/** How often a pair of devices comes, drops a frame, and goes. */
const DEVICES_EVERY_MS = 2000;

/** Frames that each of them drops. */
const FRAMES = 5;

/**
 * Half an hour of drops, with interfaces coming and going: does anything grow, and do the accounts
 * still add up? `npm run bench soak`; not one of those that run by default.
 */
export async function measure({ scale, peers }) {
  loopbackUp();
  const seconds = 1800 * scale;
  const watches = {
    'each drop': await watchDrops(),
    summary: await watchDrops({ deliver: 'summary' }),
  };
  const reading = countDrops(watches['each drop']);
  const samples = [];
  let done = false;
  const sending = peers.run('paced_loop', 'lo', DROPS_A_SECOND, seconds).finally(() => {
    done = true;
  });
  let devices = 0;
  while (!done) {
    await comeAndGo();
    devices += 2;
    samples.push({
      rss: process.memoryUsage.rss(),
      descriptors: readdirSync('/proc/self/fd').length,
    });
    await sleep(DEVICES_EVERY_MS);
  }
  await sending;

  const rows = [];
  for (const [name, watch] of Object.entries(watches)) {
    const [row] = (await watch.ledger()).rows.filter(({ interface: on }) => on === 'lo');
    const { counted, attributed, lost, inFlight, unattributed } = row;
    const adds = counted === attributed + lost + inFlight + unattributed;
    rows.push([name, counted, attributed, lost, inFlight, unattributed].map(String));
    if (!adds) throw new Error(`The ledger of "${name}" does not add up.`);
    await watch.close();
  }
  const third = Math.floor(samples.length / 3);
  const rss = (part) => median(part.map((sample) => sample.rss));
  const [first, last] = [rss(samples.slice(0, third)), rss(samples.slice(-third))];
  const mib = unit(' MiB', 1, 1 / 2 ** 20);
  const open = new Set(samples.map(({ descriptors }) => descriptors));
  return {
    title: `${seconds} s of ${DROPS_A_SECOND} drops a second: the ledger of lo at the end`,
    heads: ['', 'counted', 'attributed', 'lost', 'in flight', 'unattributed'],
    rows,
    notes: [
      `Resident memory, median of the first third: ${mib(first)}; of the last: ${mib(last)} (${unit(' %', 1, 100)(last / first - 1)}).`,
      `Descriptors, seen ${samples.length} times: ${[...open].join(', ')}.`,
      `${devices} devices came and went. Read by batches(): ${await reading} drops. CPU: ${cpuShare(seconds)}.`,
    ],
  };
}

async function countDrops(watch) {
  let count = 0;
  for await (const batch of watch.batches()) count += batch.length;
  return count;
}

async function comeAndGo() {
  ip(['link', 'add', 'dev', 'soak-a', 'type', 'veth', 'peer', 'name', 'soak-b']);
  for (const name of ['soak-a', 'soak-b']) {
    ip(['link', 'set', 'dev', name, 'addrgenmode', 'none', 'up']);
  }
  for (let i = 0; i < FRAMES; i++) {
    await injectFrame('soak-a', { destination: '02:00:00:00:00:0b', etherType: 0x4321 });
  }
  ip(['link', 'delete', 'dev', 'soak-a']);
}

/** Of this process, of one CPU: proc_pid_stat(5). */
function cpuShare(seconds) {
  const { user, system } = process.cpuUsage();
  return unit(' %', 1, 100)((user + system) / 1e6 / seconds);
}
