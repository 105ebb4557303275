import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of this checkout. */
export const REPO = fileURLToPath(new URL('../..', import.meta.url));

/** This folder. */
export const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Where the guests of all checkouts are kept. */
export function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'dropscope/vm');
}

/** What a prepared guest consists of, in its folder. */
export function layout(folder) {
  return {
    folder,
    /** The guest's root file system. */
    root: join(folder, 'root'),
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd'),
    /** /cache in the guest, where SystemTap and dropscope keep theirs. It lives on between boots. */
    cache: join(folder, 'cache'),
    /** As JSON: the kernel's `release`, and `systemtapVersion`. */
    about: join(folder, 'about.json'),
    /** By which recipe it was made. */
    recipe: join(folder, 'recipe'),
  };
}
