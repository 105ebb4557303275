import {
  DropscopeError,
  type Explanation,
  errnoName,
  isPermission,
  plain,
  type RawSystemError,
  SystemCallError,
  shown,
  systemCallFailed,
} from '../errors.ts';

const GRANT =
  'Run as root, or grant it to the service (AmbientCapabilities=CAP_NET_RAW in its systemd unit).';

/** Why no packet socket could be opened: packet(7). */
export function packetSocketFailed(raw: RawSystemError, doing: string): SystemCallError {
  if (!isPermission(raw)) return systemCallFailed(raw, doing);
  const reason = 'This process may not open a packet socket: it lacks CAP_NET_RAW.';
  return new SystemCallError('ERR_PERMISSION', { reason, mend: GRANT }, raw);
}

/** What the sender of a frame knows when the kernel refuses it. */
export interface SendContext {
  /** The interface's name, or its index where there is no name to be had. */
  readonly target: string | number;
  /** Bytes of the frame that was refused. */
  readonly length: number;
}

/** Why the kernel did not take a frame. */
export function sendFailed(raw: RawSystemError, context: SendContext): SystemCallError {
  const gone = ['ENXIO', 'ENODEV'].includes(errnoName(raw.errno));
  const code = gone ? 'ERR_INTERFACE_GONE' : 'ERR_SYSTEM_CALL';
  return new SystemCallError(code, explainSend(raw, context), raw);
}

/** packet(7), and packet_snd() in net/packet/af_packet.c. */
function explainSend(raw: RawSystemError, { target, length }: SendContext): Explanation {
  const byName = typeof target === 'string';
  const link = byName ? shown(target) : `with index ${target}`;
  const name = byName ? plain(target) : target;
  switch (errnoName(raw.errno)) {
    case 'ENETDOWN':
      return { reason: `Interface ${link} is down.`, mend: `Bring it up: ip link set ${name} up` };
    case 'ENXIO':
    case 'ENODEV':
      return {
        reason: `Interface ${link} is gone.`,
        mend: 'Open an injector on one that exists: ip link show',
      };
    case 'EMSGSIZE':
      return {
        reason: `The frame of ${length} bytes is longer than interface ${link} takes (its MTU and the Ethernet header).`,
        mend: `Send a shorter frame, or raise the MTU: ip link set ${name} mtu <bytes>`,
      };
    case 'ENOBUFS':
      return {
        reason: `The kernel dropped the frame on its way out of interface ${link}: a queue is full, a tc filter refused it, or the peer did (ENOBUFS).`,
        mend: `It was not sent again, for each attempt moves the counters. See: tc -s qdisc show dev ${name}`,
      };
    case 'EAGAIN':
      return {
        reason: `The send buffer of the socket on interface ${link} is full (EAGAIN).`,
        mend: 'Send with sendAll(), which waits until it has room.',
      };
    default:
      return {
        reason: `The kernel refused ${raw.syscall} while sending ${length} bytes to interface ${link}: ${errnoName(raw.errno)}.`,
        mend: '',
      };
  }
}

/**
 * Notes in an error of ours how many frames were sent before it. Others stay as they are, and so
 * does one that knows of another `sendAll`: the iterator of the frames may throw it.
 */
export function stoppedAfter(sent: number, error: unknown): unknown {
  if (error instanceof DropscopeError) error.sent ??= sent;
  return error;
}
