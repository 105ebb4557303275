import { existsSync, readdirSync, statSync } from 'node:fs';
import {
  ArgumentError,
  asked,
  askedFiles,
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
export function askedInNamespace<T>(
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
  ask: (links: Links) => T,
): T {
  const links = openLinks(ref, argument);
  try {
    return ask(links);
  } finally {
    links.close();
  }
}

/**
 * The links of a network namespace, until they are closed. Throws as `askedInNamespace` does. `path`: a file that
 * leads to the network namespace, where `ref` may do so no longer.
 */
export function openLinks(
  ref: NetworkNamespaceRef | undefined,
  argument: string,
  path: string | undefined = networkNamespacePath(ref, argument),
): LinkTable {
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
  namespaceCookie(): bigint | undefined {
    return native().namespaceCookie();
  }
  close(): void {}
}

/** What open(2) says of a path that leads nowhere. */
const NOWHERE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ESRCH', 'ENAMETOOLONG', 'ELOOP'];

/** What pidfd_open(2) says of a number that is no process's: that of a thread is EINVAL or, in newer kernels, ENOENT. */
const NO_PROCESS: readonly string[] = ['ESRCH', 'EINVAL', 'ENOENT'];

/** What to throw when the kernel did not open the network namespace `ref`, or did not let us in. */
function explainNamespace(raw: RawSystemError, ref: NetworkNamespaceRef, argument: string): Error {
  const name = errnoName(raw.errno);
  // ioctl_nsfs(2): only the file of a namespace says of which type it is.
  if (raw.syscall === 'ioctl' || (raw.syscall === 'setns' && name === 'EINVAL')) {
    return missing(argument, `${shown(ref)} is no network namespace.`);
  }
  if (raw.syscall === 'pidfd_open' && NO_PROCESS.includes(name)) {
    return missing(argument, `There is no process ${ref}.`);
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

/** The network namespaces of this machine, as far as this process may see them. */
interface NamespacesHere {
  /** A file of each that has a name or a process in it; this process's is left out. */
  readonly files: readonly string[];
  /** Names and processes whose network namespace this process may not see. */
  readonly refused: readonly string[];
}

/** Looks for network namespaces under their names and in the processes. Throws SystemCallError: EMFILE. */
export function namespacesHere(): NamespacesHere {
  return asked('looking for network namespaces', () => askedFiles(findNamespaces));
}

function findNamespaces(): NamespacesHere {
  const found = new Map<number, string>();
  const refused: string[] = [];
  const own = statSync('/proc/self/ns/net').ino;
  const candidates = [
    ...names().map((name) => [shown(name), `${NAMED}/${name}`] as const),
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => [`process ${pid}`, `/proc/${pid}/ns/net`] as const),
  ];
  for (const [owner, file] of candidates) {
    const inode = inodeOf(file);
    if (inode === 'refused') refused.push(owner);
    else if (inode !== 'gone' && inode !== own && !found.has(inode)) found.set(inode, file);
  }
  return { files: [...found.values()], refused };
}

function inodeOf(file: string): number | 'gone' | 'refused' {
  try {
    return askedFiles(() => statSync(file)).ino;
  } catch (error) {
    return isRawSystemError(error) && isPermission(error) ? 'refused' : 'gone';
  }
}

/** The names as far as they can be read. */
function namesHere(): string[] {
  try {
    return names();
  } catch {
    return [];
  }
}

/** None where ip-netns(8) has made no name yet. */
function names(): string[] {
  return existsSync(NAMED) ? readdirSync(NAMED) : [];
}
