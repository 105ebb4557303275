import { noSuchInterface } from '../errors.ts';
import type { Links } from '../native.ts';
import { type InterfaceRef, interfaceNames, resolveInterface } from './interface.ts';
import { readLinkRecords } from './link-record.ts';
import type { LinkStats } from './link-stats.ts';
import { checkNamespaceOptions, type NamespaceOptions, withLinks } from './network-namespace.ts';

/**
 * Reads the counters of one link, or, without a target, of all links of a network namespace, by
 * RTM_GETSTATS: what `ip -s -s link` shows. Needs no privilege in this process's namespace.
 * ArgumentError with the code ERR_NO_INTERFACE when the interface is not there.
 */
export function readLinkStats(options?: NamespaceOptions): Promise<LinkStats[]>;
export function readLinkStats(target: InterfaceRef, options?: NamespaceOptions): Promise<LinkStats>;
export async function readLinkStats(
  ...args: [(InterfaceRef | NamespaceOptions)?, NamespaceOptions?]
): Promise<LinkStats | LinkStats[]> {
  const [first, second] = args;
  // Not by `undefined`: a name that somebody lost shall not mean all of them.
  if (args.length === 0 || isOptions(first)) {
    return inNamespace(isOptions(first) ? first : {}, (links) => readLinkRecords(0, links));
  }
  return inNamespace(second ?? {}, (links) => readOne(first, links));
}

function isOptions(value: InterfaceRef | NamespaceOptions | undefined): value is NamespaceOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inNamespace<T>(options: NamespaceOptions, ask: (links: Links) => T): T {
  checkNamespaceOptions(options);
  return withLinks(options.networkNamespace, 'options.networkNamespace', ask);
}

function readOne(target: InterfaceRef | undefined, links: Links): LinkStats {
  // What was given as undefined is refused as what it is.
  const ref = target as InterfaceRef;
  const [stats] = readLinkRecords(resolveInterface(ref, 'target', links), links);
  if (stats !== undefined) return stats;
  throw noSuchInterface('target', ref, interfaceNames(links));
}
