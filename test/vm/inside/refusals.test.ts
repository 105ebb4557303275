import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { DROPSCOPE, doctor, MODULE, nothingLoaded, run, watch } from './support.ts';

afterEach(nothingLoaded);

/** In a mount namespace of its own: hides a folder, then runs dropscope. */
const hiding = (folder: string) => [
  'unshare',
  ...['--mount', 'sh', '-c', `mount -t tmpfs none ${folder} && exec "$@"`, 'sh'],
];
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
const WATCH = ['watch', 'lo', '--probe', 'systemtap', '--json'];

// Each says so before it compiles anything: that would take minutes here.
it.each([
  ['no root', [...NOBODY], 'ERR_PERMISSION', /Run as root/],
  [
    'no CAP_SYS_MODULE',
    ['setpriv', '--bounding-set', '-sys_module'],
    'ERR_PERMISSION',
    /CAP_SYS_MODULE/,
  ],
  [
    'no SystemTap',
    ['env', 'PATH=/repo/test/vm/guest-bin'],
    'ERR_PROBE_UNAVAILABLE',
    /apt-get install systemtap/,
  ],
  ['no headers', hiding('/usr/src'), 'ERR_PROBE_UNAVAILABLE', /linux-headers-/],
  ['no debug information', hiding('/usr/lib/debug'), 'ERR_PROBE_UNAVAILABLE', /-dbg/],
])('says what is missing: %s', async (_, wrapper, code, mend) => {
  expect(await failure([...wrapper, 'node', DROPSCOPE, ...WATCH])).toMatchObject({
    code,
    message: expect.stringMatching(mend),
  });
});

it.each([
  ['is not there', async () => '/tmp/nothing.ko', /no module at that path/],
  ['was renamed', () => copyOf('another_name.ko', (bytes) => bytes), /was renamed/],
  [
    'is cut',
    () => copyOf('dropscope_probe.ko', (bytes) => bytes.subarray(0, 5000)),
    /no kernel module/,
  ],
  ['speaks another language', () => copyOf('dropscope_probe.ko', otherwise), /not that of this/],
  ['is for another kernel', () => copyOf('dropscope_probe.ko', forAnotherKernel), /another kernel/],
])('says what is wrong with a module that %s', async (_, path, reason) => {
  await expect(watch({ module: await path() })).rejects.toMatchObject({
    name: 'ProbeError',
    reason: expect.stringMatching(reason),
  });
});

// The last: none of it can be taken back.
it('says that the kernel is locked down, and that it loads no more modules', async () => {
  await run('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
  writeFileSync('/sys/kernel/security/lockdown', 'integrity');
  const lockedDown = { code: 'ERR_PERMISSION', reason: expect.stringContaining('(integrity)') };
  await expect(watch()).rejects.toMatchObject(lockedDown);
  expect(await doctor()).toContainEqual(
    expect.objectContaining({ probe: 'systemtap', available: false }),
  );
  writeFileSync('/proc/sys/kernel/modules_disabled', '1');
  await expect(watch()).rejects.toMatchObject({
    reason: expect.stringContaining('modules_disabled is 1'),
  });
});

/** The error that a command ends with. */
async function failure([command = '', ...args]: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, args).then(
    () => expect.fail('It works.'),
    (error: { stdout: string }) => error,
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

async function copyOf(name: string, change: (bytes: Buffer) => Buffer): Promise<string> {
  const folder = `/tmp/modules-${Math.random()}`;
  mkdirSync(folder);
  const path = `${folder}/${name}`;
  cpSync(MODULE, path);
  writeFileSync(path, change(readFileSync(MODULE)));
  return path;
}

function otherwise(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed.write('tock', bytes.indexOf('\0tick\0') + 1);
  return changed;
}

/** What follows the release in vermagic counts where symbols have versions. */
function forAnotherKernel(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const at = bytes.indexOf(`vermagic=${release()} SMP`);
  changed.write('UP_', bytes.indexOf('SMP', at));
  return changed;
}
