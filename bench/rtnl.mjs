import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { watchDrops } from '../dist/index.js';
import { interleaved, median, unit } from './harness.mjs';
import { loopbackUp } from './network.mjs';

/** veth pairs of the group: to delete them holds RTNL for some half a second. */
const PAIRS = 150;

const MOST_MS = 10;

/** Time for a namespace to be made, in seconds. The sender sends as long as the deletion may take. */
const SEND_SECONDS = 3;

/**
 * How long the event loop of a process that watches stands still while links are deleted in another network
 * namespace: whoever asks the kernel for links waits that long. Beside it, a process that does not watch.
 */
export async function measure({ rounds, peers }) {
  loopbackUp();
  const { control, watching, ledger } = await interleaved(rounds, {
    control: () => delayed(peers, () => {}),
    watching: () => whileWatching(peers, () => {}),
    ledger: () => whileWatching(peers, (watch) => watch.ledger()),
  });
  const ms = unit(' ms', 1);
  const worst = (results) => median(results.map(({ worstMs }) => worstMs));
  const row = (what, results) => {
    const less = median(results.map(({ worstMs }, round) => worstMs - control[round].worstMs));
    return [what, ms(worst(results)), ms(less), ms(MOST_MS), less < MOST_MS ? 'holds' : 'MISSED'];
  };
  return {
    title: `Longest event-loop delay while ${PAIRS} veth pairs are deleted in another network namespace`,
    heads: ['', 'measured', 'less control', 'at most', ''],
    rows: [
      ['no watch', ms(worst(control)), '', '', ''],
      row('watch, drops coming', watching),
      row('watch, a ledger asked for meanwhile', ledger),
    ],
    notes: [`The deletion took ${ms(median(control.map(({ deletionMs }) => deletionMs)))}.`],
  };
}

async function whileWatching(peers, act) {
  const watch = await watchDrops({ interface: 'lo' });
  const reading = countDrops(watch);
  const result = await delayed(peers, () => act(watch));
  await watch.close();
  await reading;
  return result;
}

/** Has frames dropped on `lo` and links deleted elsewhere; calls `act` when the deletion begins. */
async function delayed(peers, act) {
  const group = spawn('unshare', ['--net', 'sh', '-c', GROUP]);
  await once(group.stdout, 'data');
  // 10,000 drops a second.
  const sending = peers.run('send_loop', 'lo', SEND_SECONDS * 10_000, 100_000);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  group.stdin.end('\n');
  await act();
  await once(group, 'close');
  const deletionMs = performance.now() - start;
  delay.disable();
  await sending;
  return { worstMs: delay.max / 1e6, deletionMs };
}

const GROUP = `
  i=0
  while [ $i -lt ${PAIRS} ]; do
    echo "link add v$i group 7 type veth peer name w$i"
    echo "link set v$i up"
    echo "link set w$i up"
    i=$((i + 1))
  done | ip -batch -
  echo made
  read line
  ip link delete group 7
`;

async function countDrops(watch) {
  let count = 0;
  for await (const batch of watch.batches()) count += batch.length;
  return count;
}
