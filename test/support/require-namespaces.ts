import { spawnSync } from 'node:child_process';

/** Ends the run where no network namespace can be made, before every file fails for that. */
export function requireNamespaces(): void {
  const { error, status, stderr } = spawnSync('unshare', ['--net', '--', 'true'], {
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new Error(
    `The tests need a network namespace each but unshare failed: ${error?.message ?? stderr.trim()}. ` +
      'Run them as root with CAP_SYS_ADMIN and util-linux installed: sudo npm test',
  );
}
