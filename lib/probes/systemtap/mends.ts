import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What makes a SystemTap work with a kernel for which it was not made. */
export interface Mend {
  /** For people: what does not fit, and what is done about it. */
  readonly what: string;
  /** For stap. */
  readonly flags: readonly string[];
}

type Version = readonly [major: number, minor: number];

/**
 * The SystemTap of each Debian release fails with the kernel of the same release: it is older than
 * the kernel's later stable releases. Nothing of the system is changed. undefined: the pair fits.
 */
export async function mendFor(stap: Version, release: string): Promise<Mend | undefined> {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const kernel: Version = [major, minor];
  const pair = `SystemTap ${stap.join('.')} with Linux ${release}:`;
  if (before(stap, [4, 5]) && before([5, 9], kernel) && before(kernel, [5, 12])) {
    // ERROR: modpost: "module_mutex" [...] undefined! It was no longer exported from 5.10's stable
    // releases on; what takes its place need only be a mutex.
    return {
      what: `${pair} module_mutex is not exported; another mutex stands in for it.`,
      flags: ['-Dmodule_mutex=fanout_mutex'],
    };
  }
  if (before(stap, [5, 0]) && (await changedTaskWork(release))) {
    return {
      what: `${pair} task_work_cancel() has changed; a copy of the runtime is used that knows it.`,
      flags: ['-R', await patchedRuntime(stap)],
    };
  }
  if (stap[0] === 5 && before(stap, [5, 2]) && before([6, 11], kernel)) {
    // At loading: ERROR: Can't resolve uprobe_unregister!
    return {
      what: `${pair} uprobe_unregister() is exported; SystemTap is told so.`,
      flags: ['-DSTAPCONF_UPROBE_UNREGISTER_EXPORTED'],
    };
  }
  return undefined;
}

/** Whether one version is less than another. */
function before([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** 6.1's stable releases took over task_work_cancel_func() from 6.11, and another task_work_cancel(). */
async function changedTaskWork(release: string): Promise<boolean> {
  for (const folder of ['source', 'build']) {
    try {
      const header = `/lib/modules/${release}/${folder}/include/linux/task_work.h`;
      if ((await readFile(header, 'utf8')).includes('task_work_cancel_func')) return true;
    } catch {
      // The headers are in the other one, or not here, which stap says.
    }
  }
  return false;
}

const RUNTIME = '/usr/share/systemtap/runtime';
const FILE = 'stp_task_work.c';

/** A copy of SystemTap's runtime in our cache whose stp_task_work.c asks for task_work_cancel_func(). */
async function patchedRuntime(stap: Version): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dropscope');
  const runtime = join(cache, `systemtap-runtime-${stap.join('.')}`);
  if (existsSync(join(runtime, FILE))) return runtime;
  await mkdir(cache, { recursive: true });
  // Made beside it and moved: who runs at the same time sees a whole one.
  const made = await mkdtemp(`${runtime}-`);
  try {
    await cp(RUNTIME, made, { recursive: true });
    const file = join(made, FILE);
    const source = await readFile(file, 'utf8');
    const mended = source
      .replace('typeof(&task_work_cancel)', 'typeof(&task_work_cancel_func)')
      .replace('lookup_name("task_work_cancel")', 'lookup_name("task_work_cancel_func")');
    await writeFile(file, mended);
    await rename(made, runtime);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!isThere(error)) throw error;
  }
  return runtime;
}

/** rename(2) does not replace a folder that is not empty: somebody was here before. */
function isThere(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
