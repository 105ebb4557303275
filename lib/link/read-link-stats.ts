import { noSuchInterface } from '../errors.ts';
import { type InterfaceRef, interfaceNames, resolveInterface } from './interface.ts';
import { readLinkRecords } from './link-record.ts';
import type { LinkStats } from './link-stats.ts';

/**
 * Reads the counters of one link, or, without argument, of all links of this network namespace, by
 * RTM_GETSTATS: what `ip -s -s link` shows. Needs no privilege. ArgumentError with the code
 * ERR_NO_INTERFACE when the interface is not here.
 */
export function readLinkStats(): Promise<LinkStats[]>;
export function readLinkStats(target: InterfaceRef): Promise<LinkStats>;
export async function readLinkStats(
  ...targets: [] | [InterfaceRef]
): Promise<LinkStats | LinkStats[]> {
  // Not by `undefined`: a name that somebody lost shall not mean all of them.
  return targets.length === 0 ? readLinkRecords(0) : readOne(targets[0]);
}

function readOne(target: InterfaceRef): LinkStats {
  const [stats] = readLinkRecords(resolveInterface(target, 'target'));
  if (stats !== undefined) return stats;
  throw noSuchInterface('target', target, interfaceNames());
}
