import { constants } from 'node:os';
import type { NetlinkSocket } from '../native.ts';
import {
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  outcomeOf,
} from './netlink-message.ts';

let sequence = 0;

/** The kernel answered a request with an error. */
interface RefusedRequest extends Error {
  readonly syscall: 'recv';
  /** As in errno(3). */
  readonly errno: number;
}

/**
 * Sends a request and gives the messages of its answer, without the one that ends it. The kernel
 * answers while it is sent, and goes on with a dump while that is read. Throws a RawSystemError.
 */
export function exchange(
  socket: NetlinkSocket,
  request: Omit<NetlinkMessage, 'sequence'>,
): NetlinkMessage[] {
  sequence += 1;
  const own = sequence;
  socket.send(encodeMessage({ ...request, sequence: own }));
  const answer: NetlinkMessage[] = [];
  for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
    for (const message of decodeMessages(datagram)) {
      if (message.sequence !== own) continue;
      const errno = outcomeOf(message);
      if (errno === undefined) answer.push(message);
      else if (errno === 0) return answer;
      else throw refused(errno);
    }
  }
  // The answer, or its end, is lost.
  throw refused(constants.errno.EIO);
}

function refused(errno: number): RefusedRequest {
  return Object.assign(new Error(`The kernel refused a netlink request: ${errno}.`), {
    syscall: 'recv' as const,
    errno,
  });
}
