import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mendsFor } from '../../lib/probes/systemtap/mends.ts';
import { patchedRuntime } from '../../lib/probes/systemtap/runtime-copy.ts';

const RUNTIME = 'usr/share/systemtap/runtime';
const RELEASE = '6.1.0-56-cloud-amd64';

/** What 4.8 has of what is looked at. */
const OF_4_8 = {
  [`${RUNTIME}/stp_task_work.c`]:
    'typedef typeof(&task_work_cancel) fn;\nlookup_name("task_work_cancel");\n',
  [`${RUNTIME}/print_flush.c`]: 'if (likely(entry && bytes_reserved > hlen)) {\n',
  [`${RUNTIME}/transport/relay_v2.c`]: '\tif (buf->offset >= buf->chan->subbuf_size) {\n',
};
const CHANGED_HEADER = {
  [`lib/modules/${RELEASE}/source/include/linux/task_work.h`]: 'task_work_cancel_func(',
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dropscope-test-'));
});
afterEach(() => {
  delete process.env['XDG_CACHE_HOME'];
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

describe('the mends of a SystemTap', () => {
  it.each([
    [[4, 4], '5.10.0-32-cloud-amd64', ['-Dmodule_mutex=fanout_mutex']],
    [[5, 1], '6.12.107+deb13-cloud-amd64', ['-DSTAPCONF_UPROBE_UNREGISTER_EXPORTED']],
    [[5, 1], '6.1.0-56-cloud-amd64', []],
    [[5, 1], '5.10.0-32-cloud-amd64', []],
    [[5, 6], '7.2.13+deb14-cloud-amd64', []],
    [[5, 6], '6.12.107+deb13-cloud-amd64', []],
  ] as const)('for %j with Linux %s are flags', async (stap, release, flags) => {
    const mends = await mendsFor(stap, release, root);
    expect(mends.flatMap((mend) => mend.flags ?? [])).toEqual(flags);
  });

  it('are patches of its runtime where that has what they change', async () => {
    fill(OF_4_8);
    const files = async () =>
      (await mendsFor([4, 8], RELEASE, root)).flatMap(({ patches = [] }) =>
        patches.map(({ file }) => file),
      );
    expect(await files()).toEqual(['transport/relay_v2.c']);
    fill(CHANGED_HEADER);
    expect(await files()).toEqual(['stp_task_work.c', 'stp_task_work.c', 'transport/relay_v2.c']);
    // As a later package may have it.
    fill({ [`${RUNTIME}/stp_task_work.c`]: 'typedef typeof(&task_work_cancel_func) fn;' });
    expect(await files()).toEqual(['transport/relay_v2.c']);
  });
});

describe('a copy of the runtime', () => {
  it('has the patches, and is made anew when the runtime changes', async () => {
    fill({ ...OF_4_8, ...CHANGED_HEADER });
    process.env['XDG_CACHE_HOME'] = join(root, 'cache');
    const mends = await mendsFor([4, 8], RELEASE, root);
    const patches = mends.flatMap((mend) => mend.patches ?? []);
    const copies = await Promise.all([1, 2, 3].map(() => patchedRuntime(patches, root)));
    const [copy = ''] = copies;
    expect(new Set(copies).size).toBe(1);
    expect(readFileSync(join(copy, 'stp_task_work.c'), 'utf8')).toBe(
      'typedef typeof(&task_work_cancel_func) fn;\nlookup_name("task_work_cancel_func");\n',
    );
    expect(readFileSync(join(copy, 'transport/relay_v2.c'), 'utf8')).toContain(
      'if (buf->offset + sizeof(struct _stp_trace) >= ',
    );
    fill({ [`${RUNTIME}/stp_task_work.c`]: 'another' });
    expect(await patchedRuntime(patches, root)).not.toBe(copy);
  });

  it('is in a folder of root, and not below the home folder that sudo may keep', async () => {
    fill(OF_4_8);
    chownSync(root, 65_534, 65_534);
    process.env['XDG_CACHE_HOME'] = '';
    vi.stubEnv('HOME', root);
    const copy = await patchedRuntime([], root);
    rmSync(copy, { recursive: true });
    expect(copy).toMatch(/^\/var\/cache\/dropscope\/systemtap-runtime-/);
  });

  it('that others can write is not used', async () => {
    fill(OF_4_8);
    process.env['XDG_CACHE_HOME'] = join(root, 'cache');
    chmodSync(await patchedRuntime([], root), 0o777);
    await expect(patchedRuntime([], root)).rejects.toThrow('others can write');
  });

  it('that cannot be made is a ProbeError', async () => {
    fill({ ...OF_4_8, cache: 'a file' });
    process.env['XDG_CACHE_HOME'] = join(root, 'cache');
    await expect(patchedRuntime([], root)).rejects.toMatchObject({
      name: 'ProbeError',
      reason: expect.stringContaining(
        `can be made in ${root}/cache/dropscope: ${root}/cache is no folder`,
      ),
      mend: 'Set XDG_CACHE_HOME to a folder that only you can write.',
    });
  });
});

function fill(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}
