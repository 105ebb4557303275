import { spawnSync } from 'node:child_process';

/**
 * Begins a script of sh, run in a mount namespace of its own: mounts tracefs where it is not, and nobody
 * else sees it.
 */
export const WITH_TRACEFS =
  '{ mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; } && ';

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
