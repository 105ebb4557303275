import { setTimeout as sleep } from 'node:timers/promises';
import type { InterfaceRef } from '../link/interface.ts';
import type { LinkStats } from '../link/link-stats.ts';
import type { NetworkNamespaceRef } from '../link/network-namespace.ts';
import { readLinkStats } from '../link/read-link-stats.ts';

/** Between two looks at the counters. */
const LOOK_MS = 10;

/**
 * Waits until the counters of the links of a network namespace stand still for `quietMs`, or for
 * `timeoutMs` in all. Whether they did. Rejects with the signal's reason.
 */
export async function untilQuiet(
  networkNamespace: NetworkNamespaceRef | undefined,
  interfaces: readonly InterfaceRef[],
  quietMs: number,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const begin = performance.now();
  let since = begin;
  let last = '';
  while (performance.now() - begin < timeoutMs) {
    const now = await counters(networkNamespace, interfaces);
    if (now !== last) {
      last = now;
      since = performance.now();
    }
    if (performance.now() - since >= quietMs) return true;
    await sleep(LOOK_MS);
    signal?.throwIfAborted();
  }
  return false;
}

/** The counters of frames, as a text to compare. */
async function counters(
  networkNamespace: NetworkNamespaceRef | undefined,
  interfaces: readonly InterfaceRef[],
): Promise<string> {
  const links = await readLinkStats({ networkNamespace });
  const wanted = links.filter(
    ({ name, ifindex }) =>
      interfaces.length === 0 || interfaces.includes(name) || interfaces.includes(ifindex),
  );
  return wanted.map(countsOf).join();
}

function countsOf(link: LinkStats): string {
  const counts = [link.rxPackets, link.txPackets, link.rxDropped, link.txDropped];
  return [link.ifindex, ...counts, link.rxNohandler, link.rxOtherhostDropped].join(' ');
}
