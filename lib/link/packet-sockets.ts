import { constants } from 'node:os';
import { asked, isRawSystemError } from '../errors.ts';
import { native } from '../native.ts';
import { exchange } from '../netlink/netlink-exchange.ts';
import {
  decodeAttributes,
  type NetlinkMessage,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  uint32Of,
} from '../netlink/netlink-message.ts';
import { type NetworkNamespaceRef, networkNamespacePath } from './network-namespace.ts';

/** A packet socket that receives, as the kernel describes it. */
export interface PacketSocketInfo {
  /** The ETH_P_ number of linux/if_ether.h that it is bound to. */
  readonly protocol: number;
  /** The ifindex that it is bound to; 0: all interfaces. */
  readonly ifindex: number;
  readonly inode: number;
}

// linux/sock_diag.h, linux/packet_diag.h
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF_PACKET = 17;
const PACKET_SHOW_INFO = 1;
const PACKET_DIAG_INFO = 0;
/** Where pdi_flags stands in struct packet_diag_info. */
const PDI_FLAGS = 20;
const PDI_RUNNING = 1;
const REQUEST_BYTES = 20;
const ANSWER_BYTES = 16;

/** The packet sockets of a network namespace that receive frames: PACKET_DIAG of sock_diag(7). */
export function readPacketSockets(ref: NetworkNamespaceRef | undefined): PacketSocketInfo[] {
  const { NetlinkSocket } = native();
  const path = networkNamespacePath(ref, 'networkNamespace');
  return asked('looking for taps', () => {
    const socket = new NetlinkSocket(NETLINK_SOCK_DIAG, path);
    try {
      const flags = NLM_F_REQUEST | NLM_F_DUMP;
      const request = { type: SOCK_DIAG_BY_FAMILY, flags, payload: encodeRequest() };
      return exchange(socket, request).flatMap(decodePacketSocket);
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
function encodeRequest(): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes[0] = AF_PACKET;
  bytes.writeUInt32LE(PACKET_SHOW_INFO, 8);
  return bytes;
}

/**
 * struct packet_diag_msg, and behind it struct packet_diag_info as an attribute. Nothing for a socket
 * of protocol 0, or one that is not hooked up: packet(7), "no packets are received"; and for a message
 * that is too short.
 */
export function decodePacketSocket({ payload }: NetlinkMessage): PacketSocketInfo[] {
  if (payload.length < ANSWER_BYTES) return [];
  const info = decodeAttributes(payload.subarray(ANSWER_BYTES)).get(PACKET_DIAG_INFO);
  const protocol = payload.readUInt16LE(2);
  const isRunning = ((uint32Of(info?.subarray(PDI_FLAGS)) ?? 0) & PDI_RUNNING) !== 0;
  if (!isRunning || protocol === 0) return [];
  return [{ protocol, ifindex: uint32Of(info) ?? 0, inode: payload.readUInt32LE(4) }];
}
