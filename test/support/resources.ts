import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return descriptors().length;
}

/**
 * How many handles on BPF programs, maps and links this process has: descriptors and mappings. The
 * kernel frees an object with its last handle, and nothing here pins one.
 */
export function countBpf(): number {
  const open = descriptors().filter((target) => target.startsWith('anon_inode:bpf'));
  const mapped = readFileSync('/proc/self/maps', 'utf8').match(/anon_inode:bpf/g) ?? [];
  return open.length + mapped.length;
}

/** What the open descriptors point at, without the one that reads the directory. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
