import { readdirSync, statSync } from 'node:fs';
import {
  ArgumentError,
  errnoName,
  invalidArgument,
  isPermission,
  isRawSystemError,
  type RawSystemError,
  shown,
  systemCallFailed,
} from '../errors.ts';
import { type Links, type LinkTable, native } from '../native.ts';

/**
 * A network namespace: by the name that `ip netns` gave it, by the path of a file such as
 * `/proc/PID/ns/net`, or by the number of a process that is in it.
 */
export type NetworkNamespaceRef = string | number;

/** Where to look. */
export interface NamespaceOptions {
  /**
   * The network namespace: a name (`ip netns`), a path, or the number of a process that is in it.
   * Needs CAP_SYS_ADMIN. Default: this process's.
   */
  readonly networkNamespace?: NetworkNamespaceRef | undefined;
}

/** Where ip-netns(8) keeps names. */
const NAMED = '/run/netns';

/**
 * The file of a network namespace; undefined for undefined: that of this process. ArgumentError for
 * what can be none; whether there is one shows when it is opened.
 */
export function networkNamespacePath(
  ref: NetworkNamespaceRef | undefined,
  argument: string,
): string | undefined {
  if (ref === undefined) return undefined;
  if (typeof ref === 'number' && Number.isInteger(ref) && ref > 0) return `/proc/${ref}/ns/net`;
  if (typeof ref === 'string' && ref !== '' && !ref.includes('\0')) {
    return ref.includes('/') ? ref : `${NAMED}/${ref}`;
  }
  const expected = 'the name, the path or the process number of a network namespace';
  throw invalidArgument(argument, expected, ref);
}

/** ArgumentError for what are no options. */
export function checkNamespaceOptions(options: NamespaceOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', 'an object', options);
  }
  for (const name of Object.keys(options)) {
    if (name !== 'networkNamespace') {
      throw invalidArgument('options', 'only networkNamespace', name);
    }
  }
}

/**
 * What `ask` gives, which opens something in the network namespace `ref`. Throws ArgumentError where
 * there is none, SystemCallError where the kernel refuses it: ERR_PERMISSION, EMFILE.
 */
function askedInNamespace<T>(
  ref: NetworkNamespaceRef | undefined,
  argument: string,
  ask: () => T,
): T {
  try {
    return ask();
  } catch (error) {
    throw ref !== undefined && isRawSystemError(error)
      ? explainNamespace(error, ref, argument)
      : error;
  }
}

/** What `ask` gives of the links of a network namespace. */
export function withLinks<T>(
  ref: NetworkNamespaceRef | undefined,
  argument: string,
  ask: (links: Links, path: string | undefined) => T,
): T {
  const links = openLinks(ref, argument);
  try {
    return ask(links, networkNamespacePath(ref, argument));
  } finally {
    links.close();
  }
}

/** The links of a network namespace, until they are closed. Throws as `askedInNamespace` does. */
export function openLinks(ref: NetworkNamespaceRef | undefined, argument: string): LinkTable {
  const path = networkNamespacePath(ref, argument);
  if (path === undefined) return new OwnLinks();
  const { LinkTable } = native();
  return askedInNamespace(ref, argument, () => new LinkTable(path));
}

/** Those of this process's namespace, of which the addon has one table for all. */
class OwnLinks implements LinkTable {
  interfaceIndex(name: string): number {
    return native().interfaceIndex(name);
  }
  interfaceName(ifindex: number): string {
    return native().interfaceName(ifindex);
  }
  hardwareAddress(name: string): Uint8Array {
    return native().hardwareAddress(name);
  }
  readLinkStats(ifindex: number): ArrayBuffer {
    return native().readLinkStats(ifindex);
  }
  close(): void {}
}

/** What open(2) says of a path that leads nowhere. */
const NOWHERE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ESRCH', 'ENAMETOOLONG', 'ELOOP'];

/** What to throw when the kernel did not open the network namespace `ref`, or did not let us in. */
function explainNamespace(raw: RawSystemError, ref: NetworkNamespaceRef, argument: string): Error {
  const name = errnoName(raw.errno);
  if (raw.syscall === 'setns' && name === 'EINVAL') {
    return missing(argument, `${shown(ref)} is no network namespace.`);
  }
  if (raw.syscall === 'open' && NOWHERE.includes(name)) {
    const what = typeof ref === 'number' ? `process ${ref}` : `network namespace ${shown(ref)}`;
    return missing(argument, `There is no ${what}.`);
  }
  const privilege = isPermission(raw) ? ', which takes CAP_SYS_ADMIN' : '';
  return systemCallFailed(raw, `opening the network namespace ${shown(ref)}${privilege}`);
}

function missing(argument: string, reason: string): ArgumentError {
  const names = namesHere();
  const mend =
    names.length === 0
      ? 'None has a name here; give a path such as /proc/PID/ns/net, or the number of a process.'
      : `Names here: ${names.join(', ')}.`;
  return new ArgumentError(argument, { reason, mend });
}

/**
 * Files of the network namespaces that have a name or a process in them: each namespace once, this
 * process's left out.
 */
export function namespacesHere(): string[] {
  const found = new Map<number, string>();
  const own = statSync('/proc/self/ns/net').ino;
  const files = [
    ...namesHere().map((name) => `${NAMED}/${name}`),
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => `/proc/${pid}/ns/net`),
  ];
  for (const file of files) {
    const inode = inodeOf(file);
    if (inode !== undefined && inode !== own && !found.has(inode)) found.set(inode, file);
  }
  return [...found.values()];
}

/** Undefined: it is gone, or may not be looked at. */
function inodeOf(file: string): number | undefined {
  try {
    return statSync(file).ino;
  } catch {
    return undefined;
  }
}

function namesHere(): string[] {
  try {
    return readdirSync(NAMED);
  } catch {
    return [];
  }
}
