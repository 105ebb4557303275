import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return descriptors().length;
}

/**
 * Waits until no more descriptors are open than there were. The names of the kernel's functions are
 * read in the background, which opens a file for a while: when names are needed first, and when a
 * module was loaded, by whomever.
 */
export async function descriptorsBackTo(before: number): Promise<void> {
  await waitFor(`no more than ${before} descriptors`, () => countDescriptors() <= before);
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
