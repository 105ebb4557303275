import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { asked, isRawSystemError } from '../errors.ts';
import { native } from '../native.ts';
import { exchange } from '../netlink/netlink-exchange.ts';
import {
  decodeAttributes,
  type NetlinkMessage,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from '../netlink/netlink-message.ts';
import { interfaceName } from './interface.ts';
import { type NetworkNamespaceRef, networkNamespacePath, withLinks } from './network-namespace.ts';

/**
 * A packet socket that takes frames: of every protocol, as tcpdump and lldpd open them, or of one.
 * While there is one, the kernel hands it the frames of that protocol that nobody else takes, and does
 * not drop them: no counter, no event.
 */
export interface Tap {
  /** The interface that it is bound to; absent: all of the network namespace. */
  readonly interface?: string;
  /** The EtherType that it takes; absent: every one. */
  readonly etherType?: number;
  /** Who has it open, as far as this process may see. */
  readonly processes: readonly TapProcess[];
}

interface TapProcess {
  readonly pid: number;
  /** Its name: comm of proc_pid_comm(5). */
  readonly name: string;
}

/** A packet socket as the kernel describes it. */
interface PacketSocketInfo {
  readonly protocol: number;
  /** 0: all interfaces. */
  readonly ifindex: number;
  readonly inode: number;
  readonly running: boolean;
}

/** ETH_P_ALL in linux/if_ether.h; those below 0x0600 are no EtherTypes. */
const EVERY_PROTOCOL = 3;
const LEAST_ETHER_TYPE = 0x0600;

// linux/sock_diag.h, linux/packet_diag.h
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF_PACKET = 17;
const PACKET_SHOW_INFO = 1;
const PACKET_DIAG_INFO = 0;
const PDI_RUNNING = 1;
const REQUEST_BYTES = 20;
const ANSWER_BYTES = 16;

/**
 * The taps that are open in a network namespace, this process's by default, one for each interface,
 * EtherType and process: PACKET_DIAG of sock_diag(7).
 */
export function openTaps(ref?: NetworkNamespaceRef): Tap[] {
  return describeTaps(ref, takingSockets(ref));
}

function takingSockets(ref: NetworkNamespaceRef | undefined): PacketSocketInfo[] {
  return readPacketSockets(networkNamespacePath(ref, 'networkNamespace')).filter(
    ({ running, protocol }) =>
      running && (protocol === EVERY_PROTOCOL || protocol >= LEAST_ETHER_TYPE),
  );
}

function describeTaps(
  ref: NetworkNamespaceRef | undefined,
  sockets: readonly PacketSocketInfo[],
): Tap[] {
  if (sockets.length === 0) return [];
  const owners = ownersOf(new Set(sockets.map(({ inode }) => inode)));
  const taps = new Map<string, Tap>();
  withLinks(ref, 'networkNamespace', (links) => {
    for (const { ifindex, protocol, inode } of sockets) {
      const name = ifindex === 0 ? undefined : interfaceName(ifindex, links);
      if (name === '') continue;
      const tap: Tap = {
        ...(name !== undefined && { interface: name }),
        ...(protocol !== EVERY_PROTOCOL && { etherType: protocol }),
        processes: owners.get(inode) ?? [],
      };
      taps.set(JSON.stringify(tap), tap);
    }
  });
  return [...taps.values()];
}

function readPacketSockets(networkNamespace: string | undefined): PacketSocketInfo[] {
  const { NetlinkSocket } = native();
  return asked('looking for taps', () => {
    const socket = new NetlinkSocket(NETLINK_SOCK_DIAG, networkNamespace);
    try {
      const flags = NLM_F_REQUEST | NLM_F_DUMP;
      return exchange(socket, { type: SOCK_DIAG_BY_FAMILY, flags, payload: request() }).map(
        decodePacketSocket,
      );
    } catch (error) {
      // The kernel has no packet sockets, or does not describe them.
      if (isRawSystemError(error) && error.errno === constants.errno.ENOENT) return [];
      throw error;
    } finally {
      socket.close();
    }
  });
}

/** struct packet_diag_req */
function request(): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes[0] = AF_PACKET;
  bytes.writeUInt32LE(PACKET_SHOW_INFO, 8);
  return bytes;
}

/** struct packet_diag_msg, and behind it struct packet_diag_info as an attribute. */
function decodePacketSocket({ payload }: NetlinkMessage): PacketSocketInfo {
  const info = decodeAttributes(payload.subarray(ANSWER_BYTES)).get(PACKET_DIAG_INFO);
  return {
    protocol: payload.readUInt16LE(2),
    inode: payload.readUInt32LE(4),
    ifindex: info?.readUInt32LE(0) ?? 0,
    running: ((info?.readUInt32LE(20) ?? 0) & PDI_RUNNING) !== 0,
  };
}

/** The processes that have sockets open, by the sockets' inodes. */
function ownersOf(inodes: ReadonlySet<number>): Map<number, TapProcess[]> {
  const owners = new Map<number, TapProcess[]>();
  for (const pid of readdir('/proc').map(Number)) {
    if (!Number.isInteger(pid)) continue;
    const open = new Set(readdir(`/proc/${pid}/fd`).map((fd) => socketInode(pid, fd)));
    for (const inode of open) {
      if (inode === undefined || !inodes.has(inode)) continue;
      owners.set(inode, [...(owners.get(inode) ?? []), { pid, name: commOf(pid) }]);
    }
  }
  return owners;
}

/** The entries of a folder; none where it went, or may not be looked into. */
function readdir(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function socketInode(pid: number, fd: string): number | undefined {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}

function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '';
  }
}
