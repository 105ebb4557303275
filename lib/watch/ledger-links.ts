import { statSync } from 'node:fs';
import { readLinkRecords } from '../link/link-record.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { type NetworkNamespaceRef, namespacesHere, withLinks } from '../link/network-namespace.ts';

/** Which links a ledger is about. */
export interface LedgerScope {
  /** Undefined: that of this process. */
  readonly networkNamespace: NetworkNamespaceRef | undefined;
  readonly allNamespaces: boolean;
  /** Empty: all. */
  readonly ifindexes: readonly number[];
  /** Whether the watch filters by what only frames have. */
  readonly isFiltered: boolean;
}

/** A link and its network namespace, as one reading found them. */
export interface LedgerLink {
  readonly netns: number;
  readonly stats: LinkStats;
}

/** The links of one reading, by `linkKey()`. */
export type LedgerLinks = ReadonlyMap<string, LedgerLink>;

/** Reads the links of a ledger with their counters. */
export function readLedgerLinks(scope: LedgerScope): LedgerLinks {
  const { networkNamespace, allNamespaces, ifindexes } = scope;
  const links = new Map<string, LedgerLink>();
  for (const link of allNamespaces ? readEveryNamespace() : readNamespace(networkNamespace)) {
    const { ifindex } = link.stats;
    if (ifindexes.length > 0 && !ifindexes.includes(ifindex)) continue;
    links.set(linkKey({ netns: link.netns, ifindex }), link);
  }
  return links;
}

/** What a link and its account have in common. */
export function linkKey(link: { readonly netns: number; readonly ifindex: number }): string {
  return `${link.netns} ${link.ifindex}`;
}

function readEveryNamespace(): LedgerLink[] {
  const others = namespacesHere().flatMap((path) => {
    try {
      return readNamespace(path);
    } catch {
      // It has just ended, or may not be entered.
      return [];
    }
  });
  return [...readNamespace(undefined), ...others];
}

function readNamespace(ref: NetworkNamespaceRef | undefined): LedgerLink[] {
  const { path, records } = withLinks(ref, 'options.networkNamespace', (links, file) => ({
    path: file,
    records: readLinkRecords(0, links),
  }));
  const netns = statSync(path ?? '/proc/self/ns/net').ino;
  return records.map((stats) => ({ netns, stats }));
}
