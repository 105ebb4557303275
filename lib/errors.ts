import { getSystemErrorName } from 'node:util';

/** What went wrong, as a literal to switch on. */
export type ErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_NO_INTERFACE'
  | 'ERR_INTERFACE_GONE'
  | 'ERR_SYSTEM_CALL'
  | 'ERR_PERMISSION'
  | 'ERR_PROBE_UNAVAILABLE'
  | 'ERR_CLOSED'
  | 'ERR_UNSUPPORTED_PLATFORM'
  | 'ERR_ADDON_NOT_BUILT';

/** The base of every error that dropscope makes. The message says what is wrong, then the mend. */
export class DropscopeError extends Error {
  override readonly name: string = 'DropscopeError';
  /** What went wrong. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A value that the caller gave cannot be used. Nothing was changed or sent. */
export class ArgumentError extends DropscopeError {
  override readonly name = 'ArgumentError';
  /** Which argument, as a path: `frame.etherType`. */
  readonly argument: string;

  constructor(argument: string, message: string, code: ErrorCode = 'ERR_INVALID_ARGUMENT') {
    super(code, message);
    this.argument = argument;
  }
}

/** The kernel refused a system call. `cause` is the raw error. */
export class SystemCallError extends DropscopeError {
  override readonly name = 'SystemCallError';
  /** The system call, as in section 2 of the manual: `sendto`. */
  readonly syscall: string;
  /** The error's number, positive, as in errno(3). */
  readonly errno: number;
  /** The error's name: `ENETDOWN`. */
  readonly errnoName: string;
  /** How many frames the kernel had taken before, where several were sent. */
  readonly sent: number | undefined;

  constructor(code: ErrorCode, message: string, raw: RawSystemError, sent?: number) {
    super(code, message, { cause: raw });
    this.syscall = raw.syscall;
    this.errno = raw.errno;
    this.errnoName = errnoName(raw.errno);
    this.sent = sent;
  }
}

/** A probe cannot run, or stopped running. */
export class ProbeError extends DropscopeError {
  override readonly name = 'ProbeError';
  /** The probe's name. */
  readonly probe: string;
  /** The last words of the probe's own process, where it has one; else ''. */
  readonly stderr: string;

  constructor(
    code: ErrorCode,
    probe: string,
    message: string,
    options?: ErrorOptions & { stderr?: string },
  ) {
    super(code, message, options);
    this.probe = probe;
    this.stderr = options?.stderr ?? '';
  }
}

/** What the addon throws when a system call fails. */
export interface RawSystemError extends Error {
  readonly syscall: string;
  readonly errno: number;
}

export function isRawSystemError(error: unknown): error is RawSystemError {
  return (
    error instanceof Error &&
    'syscall' in error &&
    typeof error.syscall === 'string' &&
    'errno' in error &&
    typeof error.errno === 'number'
  );
}

function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

/** A value as it stands in a message: strings quoted, control characters escaped, bounded. */
export function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  const text = typeof value === 'string' ? JSON.stringify(value) : shownObject(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function shownObject(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.constructor.name} of ${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

// Arguments

/** `Expected {expected} for {argument} but received {value}. {mend}` */
export function invalidArgument(
  argument: string,
  expected: string,
  value: unknown,
  mend = '',
): ArgumentError {
  const sentence = `Expected ${expected} for ${argument} but received ${shown(value)}.`;
  return new ArgumentError(argument, mend === '' ? sentence : `${sentence} ${mend}`);
}

export function noSuchInterface(
  argument: string,
  target: string | number,
  present: readonly string[],
): ArgumentError {
  const what =
    typeof target === 'string' ? `interface ${shown(target)}` : `interface with index ${target}`;
  return new ArgumentError(
    argument,
    `There is no ${what}. Interfaces here: ${present.map(plain).join(', ')}.`,
    'ERR_NO_INTERFACE',
  );
}

/** A name from outside in the middle of a sentence: as it is, or quoted where it has odd characters. */
function plain(name: string): string {
  return /^[\w.@:+-]+$/.test(name) ? name : shown(name);
}

export function closed(what: string): DropscopeError {
  return new DropscopeError('ERR_CLOSED', `This ${what} is closed. Open another one.`);
}

// The addon

export function needsLinux(platform: string): DropscopeError {
  return new DropscopeError(
    'ERR_UNSUPPORTED_PLATFORM',
    `dropscope needs Linux but this is ${platform}. Its types can be used anywhere; its functions run on Linux only.`,
  );
}

export function addonNotBuilt(tried: readonly string[], cause: unknown): DropscopeError {
  return new DropscopeError(
    'ERR_ADDON_NOT_BUILT',
    `dropscope has no working addon for ${process.platform}-${process.arch}, Node ${process.version}. ` +
      `Reinstall the package on this kind of machine, or build it from its repository with ./setup. Tried: ${tried.join(', ')}.`,
    { cause },
  );
}

// System calls

const GRANT =
  'Run as root, or give the service the capability (AmbientCapabilities= in its systemd unit)';

/** Any refused system call for which there is nothing more special to say. */
export function systemCallFailed(raw: RawSystemError, doing: string): SystemCallError {
  const code = isPermission(raw) ? 'ERR_PERMISSION' : 'ERR_SYSTEM_CALL';
  return new SystemCallError(
    code,
    `The kernel refused ${raw.syscall} while ${doing}: ${errnoName(raw.errno)}.`,
    raw,
  );
}

function isPermission(raw: RawSystemError): boolean {
  return errnoName(raw.errno) === 'EPERM' || errnoName(raw.errno) === 'EACCES';
}

/** What the sender of a frame knows when the kernel refuses it. */
export interface SendContext {
  /** The interface, as the caller named it. */
  readonly target: string | number;
  /** Bytes of the frame that was refused. */
  readonly length: number;
  /** Frames taken before it, where several were sent. */
  readonly sent?: number;
}

/** Why the kernel did not take a frame: packet(7) and net/packet/af_packet.c. */
export function sendFailed(raw: RawSystemError, { target, length, sent }: SendContext): Error {
  const name = typeof target === 'string' ? plain(target) : String(target);
  const link =
    typeof target === 'string' ? `Interface ${shown(target)}` : `The interface with index ${target}`;
  const failed = (message: string, code: ErrorCode = 'ERR_SYSTEM_CALL') =>
    new SystemCallError(code, message, raw, sent);
  switch (errnoName(raw.errno)) {
    case 'EPERM':
    case 'EACCES':
      return failed(
        `This process may not open a packet socket: it lacks CAP_NET_RAW. ${GRANT}.`,
        'ERR_PERMISSION',
      );
    case 'ENETDOWN':
      return failed(`${link} is down. Bring it up: ip link set ${name} up`);
    case 'ENXIO':
    case 'ENODEV':
      return failed(
        `${link} is gone. Open an injector on one that exists: ip link show`,
        'ERR_INTERFACE_GONE',
      );
    case 'EMSGSIZE':
      return failed(
        `The frame of ${length} bytes is longer than ${link.replace('I', 'i').replace('The', 'the')} takes (its MTU and the Ethernet header). ` +
          `Send a shorter frame or raise the MTU: ip link set ${name} mtu ${length}`,
      );
    case 'ENOBUFS':
      return failed(
        `The kernel dropped the frame on its way out of ${name}: its queue is full, a tc filter refused it, or the peer did (ENOBUFS). ` +
          `It was not sent again, for each attempt moves the counters. See: tc -s qdisc show dev ${name}`,
      );
    case 'EAGAIN':
      return failed(
        `The socket's send buffer is full. Send with sendAll(), which waits until it has room.`,
      );
    default:
      return failed(
        `The kernel refused to send ${length} bytes to ${name}: ${errnoName(raw.errno)}.`,
      );
  }
}
