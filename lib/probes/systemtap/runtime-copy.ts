import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ProbeError } from '../../errors.ts';
import { ownFolder } from './own-folder.ts';

/** What SystemTap compiles into each module, below the root. */
const RUNTIME = 'usr/share/systemtap/runtime';

/** A text in a file of the runtime, and what is to stand there instead. */
export interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Whether the runtime that is installed here has that text in that file. */
export async function runtimeHas(
  root: string,
  { file, from }: Omit<Patch, 'to'>,
): Promise<boolean> {
  // Installed elsewhere, or not at all, which stap says.
  const source = await readFile(join(root, RUNTIME, file), 'utf8').catch(() => '');
  return source.includes(from);
}

/** Where copies are kept: `$XDG_CACHE_HOME/dropscope`, by default in /var/cache for root and in ~/.cache for others. */
function cacheFolder(): string {
  const standard = process.geteuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache');
  return join(resolve(process.env['XDG_CACHE_HOME'] || standard), 'dropscope');
}

/**
 * A copy of the runtime in our cache, for `stap -R`, with these patches. It is kept for the next time. What is compiled
 * into a kernel module must not be somebody else's: ProbeError where others could have made the cache or the copy.
 */
export async function patchedRuntime(patches: readonly Patch[], root = '/'): Promise<string> {
  const runtime = join(root, RUNTIME);
  const cache = cacheFolder();
  try {
    const name = `systemtap-runtime-${await identity(runtime, patches)}`;
    const copy = join(await ownFolder(cache), name);
    if (!existsSync(copy)) await make(runtime, copy, patches);
    return await ownFolder(copy);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = `No copy of SystemTap's runtime can be made in ${cache}: ${error.message}.`;
    const mend = 'Set XDG_CACHE_HOME to a folder that only you can write.';
    throw new ProbeError('ERR_PROBE_UNAVAILABLE', 'systemtap', { reason, mend }, { cause: error });
  }
}

/** Another runtime, or other patches, have another copy. */
async function identity(runtime: string, patches: readonly Patch[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(patches));
  for (const { file } of patches) hash.update(String((await stat(join(runtime, file))).mtimeMs));
  return hash.digest('hex').slice(0, 16);
}

/** Made beside it and moved: who runs at the same time sees a whole one. */
async function make(runtime: string, copy: string, patches: readonly Patch[]): Promise<void> {
  const made = await mkdtemp(`${copy}-`);
  try {
    await cp(runtime, made, { recursive: true });
    for (const { file, from, to } of patches) {
      const path = join(made, file);
      await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
    }
    await rename(made, copy);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    // rename(2) does not replace a folder that is not empty: somebody was here before.
    if (!existsSync(copy)) throw error;
  }
}
