import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Patch, runtimeHas } from './runtime-copy.ts';

/** What makes a SystemTap work with a kernel for which it was not made. Nothing of the system is changed. */
export interface Mend {
  /** For people: what does not fit, and what is done about it. */
  readonly what: string;
  /** For stap. */
  readonly flags?: readonly string[];
  /** In a copy of SystemTap's runtime. */
  readonly patches?: readonly Patch[];
}

type Version = readonly [major: number, minor: number];

/** 5.10's stable releases no longer export it; what takes its place need only be a mutex. */
const MODULE_MUTEX: Mend = {
  // ERROR: modpost: "module_mutex" [...] undefined!
  what: 'This SystemTap asks for module_mutex, which this kernel does not export; another mutex stands in for it.',
  flags: ['-Dmodule_mutex=fanout_mutex'],
};

/** 6.1's stable releases took over task_work_cancel_func() from 6.11, and another task_work_cancel(). */
const TASK_WORK: Mend = {
  // stp_task_work.c:107: error: [...] incompatible-pointer-types
  what: 'This SystemTap does not know the task_work_cancel() of this kernel; a copy of its runtime is used that does.',
  patches: [
    {
      file: 'stp_task_work.c',
      from: 'typeof(&task_work_cancel)',
      to: 'typeof(&task_work_cancel_func)',
    },
    {
      file: 'stp_task_work.c',
      from: 'lookup_name("task_work_cancel")',
      to: 'lookup_name("task_work_cancel_func")',
    },
  ],
};

/**
 * In 4.5 to 4.9 a message that begins in the last bytes of a sub-buffer is not written, but those
 * bytes are read as if it had been; what follows is then not understood until nothing is left to read.
 */
const FRAMING: Mend = {
  what: 'This SystemTap loses output that comes fast; a copy of its runtime is used that does not.',
  patches: [
    {
      file: 'transport/relay_v2.c',
      from: 'if (buf->offset >= buf->chan->subbuf_size) {',
      to: 'if (buf->offset + sizeof(struct _stp_trace) >= buf->chan->subbuf_size) {',
    },
  ],
};

/** Where that is so. */
const LOSES_MESSAGES = { file: 'print_flush.c', from: 'bytes_reserved > hlen' };

const UPROBES: Mend = {
  // At loading: ERROR: Can't resolve uprobe_unregister!
  what: 'This SystemTap does not see that this kernel exports uprobe_unregister(); it is told so.',
  flags: ['-DSTAPCONF_UPROBE_UNREGISTER_EXPORTED'],
};

/**
 * What a SystemTap needs for a kernel. That of each Debian release fails with the kernel of the same
 * release, whose later stable releases it does not know. `root`: where the files of both are.
 */
export async function mendsFor(
  stap: Version,
  release: string,
  root = '/',
): Promise<readonly Mend[]> {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const kernel: Version = [major, minor];
  const mends: Mend[] = [];
  if (before(stap, [4, 5]) && before([5, 9], kernel) && before(kernel, [5, 12])) {
    mends.push(MODULE_MUTEX);
  }
  if (
    (await applies(TASK_WORK, root)) &&
    (await changedTaskWork(join(root, 'lib/modules', release)))
  )
    mends.push(TASK_WORK);
  if ((await applies(FRAMING, root)) && (await runtimeHas(root, LOSES_MESSAGES)))
    mends.push(FRAMING);
  if (stap[0] === 5 && before(stap, [5, 2]) && before([6, 11], kernel)) mends.push(UPROBES);
  return mends;
}

/** Whether the runtime here still has what is to be patched: a distribution may have done it. */
async function applies({ patches = [] }: Mend, root: string): Promise<boolean> {
  const found = await Promise.all(patches.map((patch) => runtimeHas(root, patch)));
  return found.every(Boolean);
}

/** Whether one version is less than another. */
function before([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

async function changedTaskWork(modules: string): Promise<boolean> {
  for (const folder of ['source', 'build']) {
    try {
      const header = join(modules, folder, 'include/linux/task_work.h');
      if ((await readFile(header, 'utf8')).includes('task_work_cancel_func')) return true;
    } catch {
      // The headers are in the other one, or not here, which stap says.
    }
  }
  return false;
}
