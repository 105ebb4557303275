import { setTimeout as sleep } from 'node:timers/promises';
import { ip, netnsOf, type PeerNamespace } from '../support/namespace.ts';
import type { Counters } from './observed.ts';

interface IpLink {
  readonly ifindex: number;
  readonly stats64: Readonly<Record<'rx' | 'tx', Readonly<Record<string, number>>>>;
}

const SHOW = ['-s', '-s', '-j', 'link', 'show'];
const MOST_READINGS = 200;
const BETWEEN_READINGS_MS = 10;

/**
 * The counters of this namespace and of another one, as ip(8) shows them: it does not print
 * rx_otherhost_dropped as JSON.
 */
export function readCounters(there: PeerNamespace): Counters {
  return { ...countersOf(netnsOf(), ip(...SHOW)), ...countersOf(there.netns, there.ip(...SHOW)) };
}

/** Reads the counters again and again until they no longer change. */
export async function settledCounters(there: PeerNamespace): Promise<Counters> {
  let before = '';
  for (let left = MOST_READINGS; left > 0; left -= 1) {
    const counters = readCounters(there);
    const now = JSON.stringify(counters);
    if (now === before) return counters;
    before = now;
    await sleep(BETWEEN_READINGS_MS);
  }
  throw new Error(`The counters did not come to rest in ${MOST_READINGS} readings.`);
}

function countersOf(netns: number, output: string): Record<string, Record<string, number>> {
  const links: readonly IpLink[] = JSON.parse(output);
  return Object.fromEntries(
    links.map(({ ifindex, stats64: { rx, tx } }) => [
      `${netns} ${ifindex}`,
      {
        rx_packets: rx['packets'] ?? 0,
        tx_packets: tx['packets'] ?? 0,
        rx_dropped: rx['dropped'] ?? 0,
        tx_dropped: tx['dropped'] ?? 0,
        rx_nohandler: rx['nohandler'] ?? 0,
        rx_missed_errors: rx['missed_errors'] ?? 0,
        rx_errors: rx['errors'] ?? 0,
        tx_errors: tx['errors'] ?? 0,
      },
    ]),
  );
}
