/** How SystemTap's programs are run by execa. */
export const PROGRAM = {
  stdin: 'ignore',
  // In English, whatever the language here, for their words are looked at.
  env: { LC_ALL: 'C.UTF-8', LANGUAGE: '', SYSTEMTAP_NOSIGN: '1' },
  // execa would end them with this process, but also this process at a signal that others hear.
  cleanup: false,
} as const;

/** A command that gets a signal when this process ends, however it does: setpriv(1), prctl(2). */
export function endingWithUs(
  signal: 'INT' | 'TERM',
  command: readonly string[],
): ['setpriv', string[]] {
  return ['setpriv', ['--pdeathsig', signal, ...command]];
}
