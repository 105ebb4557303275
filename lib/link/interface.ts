import { asked, invalidArgument, noSuchInterface } from '../errors.ts';
import { type Links, native } from '../native.ts';
import { readLinkRecords } from './link-record.ts';

/** An interface by its name (or an alternative name of at most 15 bytes), or by its index. */
export type InterfaceRef = string | number;

/** IFNAMSIZ - 1, in bytes: netdevice(7). */
const NAME_LENGTH = 15;

/** The kernel's ifindex is an int. */
const GREATEST_IFINDEX = 0x7fffffff;

const LOOKING = 'looking for an interface';

/**
 * The ifindex of an interface that is there now: in this network namespace, unless `links` are those
 * of another. The kernel is asked each time: what is remembered
 * is wrong after a rename. ArgumentError for what cannot be an interface, and, with the code
 * ERR_NO_INTERFACE and the interfaces there are, for one that is not here; `argument` is its name
 * there. SystemCallError when the kernel does not answer: EMFILE.
 */
export function resolveInterface(
  target: InterfaceRef,
  argument: string,
  links: Links = native(),
): number {
  if (typeof target === 'string') {
    const ifindex = asked(LOOKING, () => links.interfaceIndex(target));
    if (ifindex !== 0) return ifindex;
    checkName(target, argument);
    throw noSuchInterface(argument, target, interfaceNames(links));
  }
  checkIfindex(target, argument);
  if (interfaceName(target, links) !== '') return target;
  throw noSuchInterface(argument, target, interfaceNames(links));
}

/** The name that an interface has now; '' when it is not in that network namespace. */
export function interfaceName(ifindex: number, links: Links = native()): string {
  return asked(LOOKING, () => links.interfaceName(ifindex));
}

/** The names of all interfaces of a network namespace. */
export function interfaceNames(links: Links = native()): string[] {
  return readLinkRecords(0, links).map(({ name }) => name);
}

/**
 * dev_valid_name() in net/core/dev.c. The colon matters: dev_ioctl() takes what stands before it
 * for the name.
 */
function checkName(name: string, argument: string): void {
  const length = Buffer.byteLength(name);
  const refused = name === '.' || name === '..' || /[\s/:]/.test(name) || name.includes('\0');
  if (length > 0 && length <= NAME_LENGTH && !refused) return;
  throw invalidArgument(
    argument,
    `an interface name of 1 to ${NAME_LENGTH} bytes`,
    name,
    'It is not "." or ".." and has no slash, colon, NUL or white space.',
  );
}

function checkIfindex(ifindex: number, argument: string): void {
  if (Number.isInteger(ifindex) && ifindex >= 1 && ifindex <= GREATEST_IFINDEX) return;
  const expected = `an interface name or an ifindex from 1 to ${GREATEST_IFINDEX}`;
  throw invalidArgument(argument, expected, ifindex);
}
