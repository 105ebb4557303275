import { DropscopeError } from '../errors.ts';

/** A program that the demonstration runs is not there. */
export function programMissing(program: string, debianPackage: string): DropscopeError {
  return new DropscopeError('ERR_DEMO_FAILED', {
    reason: `The demonstration needs the program ${program}, which is not installed.`,
    mend: `Install it: apt-get install ${debianPackage}`,
  });
}

/** A program that the demonstration runs ended with a failure. Its stderr is in the C locale. */
export function programFailed(command: string, stderr: string): DropscopeError {
  const refused = stderr.includes('Operation not permitted');
  return new DropscopeError(refused ? 'ERR_PERMISSION' : 'ERR_DEMO_FAILED', {
    reason: `The demonstration ran "${command}" and it failed: ${lastLine(stderr)}.`,
    mend: refused ? 'Run as root; in a container, with CAP_SYS_ADMIN and CAP_NET_ADMIN.' : '',
  });
}

/** Programs say what ended them last, before which there may be a page of warnings. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

export function demoSawNoDrop(limitMs: number): DropscopeError {
  return new DropscopeError('ERR_DEMO_FAILED', {
    reason: `The demonstration sent a frame to lo and saw no drop of it in ${limitMs / 1000} s.`,
    mend: 'See what works here: dropscope doctor',
  });
}

export function demoDisagrees(after: bigint, dropped: number): DropscopeError {
  return new DropscopeError('ERR_DEMO_FAILED', {
    reason: `The drop was counted as number ${after} but "ip -s link" shows ${dropped} for lo.`,
    mend: 'Please report this at the dropscope repository, with the kernel release.',
  });
}
