import { type CounterName, type LinkStats, readLinkStats } from '../../lib/index.ts';

/** Link counters as netlink reads them. */
export type DropCounters = Readonly<Record<CounterName, bigint>>;

/** Those of one link. */
export async function readDropCounters(name: string): Promise<DropCounters> {
  return dropCounters(await readLinkStats(name));
}

/** Those of every link here, by name. */
export async function readAllDropCounters(): Promise<ReadonlyMap<string, DropCounters>> {
  const links = await readLinkStats();
  return new Map(links.map((stats) => [stats.name, dropCounters(stats)]));
}

function dropCounters(stats: LinkStats): DropCounters {
  return {
    rx_dropped: stats.rxDropped,
    tx_dropped: stats.txDropped,
    rx_nohandler: stats.rxNohandler,
    rx_otherhost_dropped: stats.rxOtherhostDropped ?? 0n,
  };
}
