import { DropscopeError, type Explanation } from '../errors.ts';

/** The demonstration could not show what it is there to show. */
class DemoError extends Error implements Explanation {
  override readonly name = 'DemoError';
  readonly reason: string;
  readonly mend: string;

  constructor({ reason, mend }: Explanation) {
    super(mend === '' ? reason : `${reason} ${mend}`);
    this.reason = reason;
    this.mend = mend;
  }
}

/** A program that the demonstration runs is not there. */
export function programMissing(program: string, debianPackage: string): DemoError {
  return new DemoError({
    reason: `The demonstration needs the program ${program}, which is not installed.`,
    mend: `Install it: apt-get install ${debianPackage}`,
  });
}

/** A program that the demonstration runs ended with a failure. Its stderr is in the C locale. */
export function programFailed(command: string, stderr: string): Error {
  const reason = `The demonstration ran "${command}" and it failed: ${lastLine(stderr)}.`;
  if (!stderr.includes('Operation not permitted')) return new DemoError({ reason, mend: '' });
  const mend = 'Run as root; in a container, with CAP_SYS_ADMIN and CAP_NET_ADMIN.';
  return new DropscopeError('ERR_PERMISSION', { reason, mend });
}

/** Programs say what ended them last, before which there may be a page of warnings. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

export function demoSawNoDrop(limitMs: number): DemoError {
  return new DemoError({
    reason: `The demonstration sent a frame to lo and saw no drop of it in ${limitMs / 1000} s.`,
    mend: 'See what works here: dropscope doctor',
  });
}

export function demoDisagrees(after: bigint, dropped: number): DemoError {
  return new DemoError({
    reason: `The drop was counted as number ${after} but "ip -s link" shows ${dropped} for lo.`,
    mend: 'Please report this at the dropscope repository, with the kernel release.',
  });
}
