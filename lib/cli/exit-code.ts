import { CommanderError } from 'commander';
import { ArgumentError, DropscopeError } from '../errors.ts';

/** What the exit codes mean, for `--help`. */
export const EXIT_CODES = `Exit codes:
  0    done
  1    failure; an interface that does not exist, or went away; doctor: no probe works here
  2    a wrong call: unknown option, value that cannot be
  77   a privilege is missing
  130  Ctrl-C, 143 SIGTERM, 129 SIGHUP: after a clean close
  141  the reader of the output went away`;

const FAILURE = 1;
const USAGE = 2;
// EX_NOPERM of sysexits.h(3head).
const NO_PERMISSION = 77;
const SIGPIPE = 128 + 13;

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  // Asked for help or version: that is no failure. Shown help instead of a command: that is one.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof ArgumentError && error.code === 'ERR_INVALID_ARGUMENT') return USAGE;
  if (error instanceof DropscopeError && error.code === 'ERR_PERMISSION') return NO_PERMISSION;
  return isBrokenPipe(error) ? SIGPIPE : FAILURE;
}

/** Whether a write failed because nobody reads any more. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
