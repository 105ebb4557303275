/** A version of Linux. */
export type KernelVersion = readonly [major: number, minor: number];

/** Whether a release of Linux, as in `uname -r`, is older than a version. */
export function isOlder(release: string, [major, minor]: KernelVersion): boolean {
  const [, ownMajor, ownMinor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (ownMajor === undefined) return false;
  return Number(ownMajor) < major || (Number(ownMajor) === major && Number(ownMinor) < minor);
}
