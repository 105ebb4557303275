import { spawn, spawnSync } from 'node:child_process';

/** Whether a program is installed. */
export function has(name) {
  return spawnSync(name, ['--version']).error === undefined;
}

export function hasScapy() {
  return spawnSync('/usr/bin/python3', ['-c', 'import scapy.all']).status === 0;
}

/** Notes on those that are not, each with its Debian package. */
export function missing(packages) {
  const names = Object.keys(packages).filter((name) => !has(name));
  return names.map((name) => `Not installed: ${name} (Debian: ${packages[name]}).`);
}

/** Whether it ended well. */
export function run(name, args) {
  return spawnSync(name, args, { stdio: 'inherit' }).status === 0;
}

/** By bash, which knows what its children used. */
export function timedProgram(name, args) {
  const script = `TIMEFORMAT='%R %U %S'; time "$@" >/dev/null 2>&1`;
  const { stderr } = spawnSync('bash', ['-c', script, 'bash', name, ...args.map(String)], {
    encoding: 'utf8',
  });
  const [seconds, user, system] = stderr.trim().split(' ').map(Number);
  return { seconds, cpuSeconds: user + system };
}

/**
 * Starts a script of sh where tracefs is mounted: where it was not, in a mount namespace of its own, so
 * that nobody else sees it.
 */
export function spawnWithTracefs(script, args, options) {
  const mounting =
    'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing || exit 1';
  const command = ['--mount', '--', 'sh', '-c', `${mounting}\n${script}`, 'sh', ...args];
  return spawn('unshare', command, options);
}
