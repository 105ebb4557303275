import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What went wrong, as a literal to switch on. */
export type ErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_NO_INTERFACE'
  | 'ERR_INTERFACE_GONE'
  | 'ERR_NETWORK_NAMESPACE_GONE'
  | 'ERR_SYSTEM_CALL'
  | 'ERR_PERMISSION'
  | 'ERR_PROBE_UNAVAILABLE'
  | 'ERR_ENGINE_UNAVAILABLE'
  | 'ERR_CAPTURE_FILE'
  | 'ERR_CLOSED'
  | 'ERR_UNSUPPORTED_PLATFORM'
  | 'ERR_ADDON_NOT_BUILT';

/** What is wrong, and what to do about it: one or more whole sentences each. */
export interface Explanation {
  /** What is wrong, with the value seen. */
  readonly reason: string;
  /** What to do about it; '' where the reason says it already. */
  readonly mend: string;
}

/** The base of every error that dropscope makes. The message says what is wrong, then the mend. */
export class DropscopeError extends Error implements Explanation {
  override readonly name: string = 'DropscopeError';
  /** What went wrong, as a literal to switch on. */
  readonly code: ErrorCode;
  readonly reason: string;
  readonly mend: string;
  /** From `sendAll`, `flood` and `replay` only: how many frames the kernel had taken before this came in the way. */
  declare sent?: number;

  constructor(code: ErrorCode, { reason, mend }: Explanation, options?: ErrorOptions) {
    super(mend === '' ? reason : `${reason} ${mend}`, options);
    this.code = code;
    this.reason = reason;
    this.mend = mend;
  }
}

/**
 * A value that the caller gave cannot be used. Nothing was changed or sent, except by `sendAll`: its
 * `sent` says how many frames were.
 */
export class ArgumentError extends DropscopeError {
  override readonly name = 'ArgumentError';
  /** Which argument, as a path: `frame.etherType`. */
  readonly argument: string;

  constructor(
    argument: string,
    explanation: Explanation,
    code: ErrorCode = 'ERR_INVALID_ARGUMENT',
  ) {
    super(code, explanation);
    this.argument = argument;
  }
}

/** The kernel refused a system call. `cause` is the raw error. */
export class SystemCallError extends DropscopeError {
  override readonly name = 'SystemCallError';
  /** The system call, as in section 2 of the manual: `send`. */
  readonly syscall: string;
  /** The error's number, positive, as in errno(3). */
  readonly errno: number;
  /** The error's name: `ENETDOWN`; `errno 531` where there is no name for it. */
  readonly errnoName: string;

  constructor(code: ErrorCode, explanation: Explanation, raw: RawSystemError) {
    super(code, explanation, { cause: raw });
    this.syscall = raw.syscall;
    this.errno = raw.errno;
    this.errnoName = errnoName(raw.errno);
  }
}

/** A probe cannot run, or stopped running. */
export class ProbeError extends DropscopeError {
  override readonly name = 'ProbeError';
  /** The probe's name. */
  readonly probe: string;
  /**
   * The last lines that SystemTap wrote, or that the kernel's BPF verifier said of a program that it
   * refused; '' where there are none.
   */
  readonly stderr: string;

  constructor(
    code: ErrorCode,
    probe: string,
    explanation: Explanation,
    options?: ErrorOptions & { stderr?: string },
  ) {
    super(code, explanation, options);
    this.probe = probe;
    this.stderr = options?.stderr ?? '';
  }
}

/** A capture file cannot be read, or is damaged. */
export class CaptureError extends DropscopeError {
  override readonly name = 'CaptureError';
  readonly path: string;
  /** From where on it cannot be used, in bytes from its beginning; undefined: it could not be read. */
  readonly offset: number | undefined;

  constructor(
    path: string,
    offset: number | undefined,
    explanation: Explanation,
    options?: ErrorOptions,
  ) {
    super('ERR_CAPTURE_FILE', explanation, options);
    this.path = path;
    this.offset = offset;
  }
}

/** What the addon throws when a system call fails. */
export interface RawSystemError extends Error {
  readonly syscall: string;
  readonly errno: number;
  /** The last lines of what the kernel's BPF verifier said of a program that it refused. */
  readonly log?: string;
}

export function isRawSystemError(error: unknown): error is RawSystemError {
  return (
    error instanceof Error &&
    !(error instanceof DropscopeError) &&
    'syscall' in error &&
    typeof error.syscall === 'string' &&
    'errno' in error &&
    typeof error.errno === 'number'
  );
}

/**
 * The names of errors. libuv has those that a program meets most often, errno(3) has more, and
 * include/linux/errno.h keeps ENOTSUPP for the kernel, but network drivers and the BPF verifier return it.
 */
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  [524, 'ENOTSUPP'],
  ...Object.entries(constants.errno).map(([name, errno]) => [errno, name] as const),
  ...Array.from(getSystemErrorMap(), ([errno, [name]]) => [-errno, name] as const),
]);

/** The name of an errno(3) value: `ENETDOWN`; `errno 531` where it has no name here. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
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
  const reason = `Expected ${expected} for ${argument} but received ${shown(value)}.`;
  return new ArgumentError(argument, { reason, mend });
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
    {
      reason: `There is no ${what}.`,
      mend: `Interfaces here: ${listed(present)}.`,
    },
    'ERR_NO_INTERFACE',
  );
}

/** Names in a sentence: the first of them, where there are many. */
function listed(names: readonly string[]): string {
  const first = names.slice(0, 20).map(plain).join(', ');
  return names.length > 20 ? `${first} and ${names.length - 20} more` : first;
}

/** A name from outside in the middle of a sentence: as it is, or quoted where it has odd characters. */
export function plain(name: string): string {
  return /^[\w.@:+-]+$/.test(name) ? name : shown(name);
}

export function closed(what: string): DropscopeError {
  return new DropscopeError('ERR_CLOSED', {
    reason: `This ${what} is closed.`,
    mend: 'Open another one.',
  });
}

// The addon

export function needsLinux(platform: string): DropscopeError {
  return new DropscopeError('ERR_UNSUPPORTED_PLATFORM', {
    reason: `dropscope needs Linux but this is ${platform}.`,
    mend: 'Its types can be used anywhere; its functions run on Linux only.',
  });
}

export function addonNotBuilt(tried: readonly string[], cause: unknown): DropscopeError {
  const why = cause instanceof Error ? cause.message.split('\n', 1).join() : shown(cause);
  return new DropscopeError(
    'ERR_ADDON_NOT_BUILT',
    {
      reason: `dropscope has no working addon for ${process.platform}-${process.arch}, Node ${process.version}: ${why}. Tried: ${tried.join(', ')}.`,
      mend: 'Reinstall the package on this kind of machine, or build it from its repository with ./setup.',
    },
    { cause },
  );
}

// Probes

/** What a watch by name or ifindex ends with when that device is deleted or leaves the namespace. */
export function interfaceGone(target: string | number): DropscopeError {
  return new DropscopeError('ERR_INTERFACE_GONE', {
    reason: `Interface ${shown(target)} is gone from this network namespace, and the watch with it.`,
    mend: 'Watch without an interface to see those that come later, too.',
  });
}

/**
 * What a watch ends with when the process or the name is gone that its network namespace was given by. `what`
 * happened: `Process 812 has ended`.
 */
export function networkNamespaceGone(what: string): DropscopeError {
  return new DropscopeError('ERR_NETWORK_NAMESPACE_GONE', {
    reason: `${what}, and the watch of its network namespace has ended with it.`,
    mend: 'Open another watch for what has come in its place.',
  });
}

/** `what` was asked of a watch that was not opened for it: `Single drops are`. */
export function notDelivered(what: string, option: string): ArgumentError {
  return new ArgumentError('options.deliver', {
    reason: `${what} not what this watch delivers.`,
    mend: `Open one with ${option}.`,
  });
}

// Capture files

/** `what`: what is wrong there, without full stop. */
export function captureDamaged(path: string, offset: number, what: string): CaptureError {
  const reason = `The capture file ${shown(path)} cannot be used from offset ${offset} on: ${what}.`;
  return new CaptureError(path, offset, { reason, mend: '' });
}

/** What an errno means of a file that is to be read. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this process may not open it',
  ENXIO: 'it is a socket, or a device that is not there',
};

export function captureUnreadable(path: string, cause: unknown): CaptureError {
  const error = cause instanceof Error ? cause : new Error(shown(cause));
  const code = 'code' in error ? String(error.code) : '';
  const why = UNREADABLE[code] ?? (code || error.message);
  const reason = `The capture file ${shown(path)} cannot be read: ${why}.`;
  return new CaptureError(path, undefined, { reason, mend: '' }, { cause });
}

// System calls

const MORE_THREADS =
  'Raise the number of threads that this process may have: ulimit -u, or TasksMax= in its systemd unit.';

/** Any refused system call for which there is nothing more special to say. */
export function systemCallFailed(raw: RawSystemError, doing: string): SystemCallError {
  const code = isPermission(raw) ? 'ERR_PERMISSION' : 'ERR_SYSTEM_CALL';
  const reason = `The kernel refused ${raw.syscall} while ${doing}: ${errnoName(raw.errno)}.`;
  const mend = raw.syscall === 'clone' ? MORE_THREADS : '';
  return new SystemCallError(code, { reason, mend }, raw);
}

/**
 * What `ask` answers. A RawSystemError becomes what `explain` makes of it and of `doing`, which is
 * what the kernel was asked for: `reading link counters`.
 */
export function asked<T>(
  doing: string,
  ask: () => T,
  explain: (raw: RawSystemError, doing: string) => Error = systemCallFailed,
): T {
  try {
    return ask();
  } catch (error) {
    throw isRawSystemError(error) ? explain(error, doing) : error;
  }
}

/** A system error of Node.js, whose errno is negative there, as one of ours. */
export function positiveErrno(error: RawSystemError): RawSystemError {
  return Object.assign(error, { errno: Math.abs(error.errno) });
}

/** What a function of node:fs answers. Its system errors become ours. */
export function askedFiles<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw isRawSystemError(error) ? positiveErrno(error) : error;
  }
}

/** EPERM or EACCES: a privilege is missing. */
export function isPermission(raw: RawSystemError): boolean {
  return errnoName(raw.errno) === 'EPERM' || errnoName(raw.errno) === 'EACCES';
}
