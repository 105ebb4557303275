import { beforeAll, expect, it } from 'vitest';
import { linkUp } from '../support/namespace.ts';
import { type Capability, runNode } from '../support/run-node.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

beforeAll(() => linkUp('lo'));

it('says which capabilities watching needs', async () => {
  const lacks = (names: string) => ({
    name: 'ProbeError',
    code: 'ERR_PERMISSION',
    message:
      `This process may not load BPF programs: it lacks ${names}. Run as root, or grant what it ` +
      'needs to the service (AmbientCapabilities=CAP_BPF CAP_PERFMON in its systemd unit).',
  });
  const watch = "watchDrops({ interface: 'lo', probe: 'ebpf' })";
  expect(await failure(watch, ['bpf', 'sys_admin'])).toEqual(lacks('CAP_BPF'));
  expect(await failure(watch, ['perfmon', 'sys_admin'])).toEqual(lacks('CAP_PERFMON'));
  expect(await failure(watch, ['bpf', 'perfmon', 'sys_admin'])).toEqual(
    lacks('CAP_BPF and CAP_PERFMON'),
  );
});

it('passes on what the verifier said of a program that it refused', async () => {
  const watch = "watchDrops({ interface: 'lo', probe: 'ebpf' })";
  const { stdout } = await runNode(
    script(`await ${watch}.catch(({ stderr }) => console.log(stderr));`),
    { without: ['perfmon', 'sys_admin'] },
  );
  expect(stdout).toMatch(/helper bpf_probe_read_kernel.*\nprocessed \d+ insns/);
});

it('needs no more than CAP_BPF and CAP_PERFMON to watch', async () => {
  expect(
    await failure("watchDrops({ interface: 'lo' }).then((drops) => drops.close())", [
      'sys_admin',
      'net_admin',
      'net_raw',
    ]),
  ).toEqual({});
});

it('reports what is missing, with its mend, instead of the probe', async () => {
  const { stdout } = await runNode(script('console.log(JSON.stringify(await checkProbes()))'), {
    without: ['bpf', 'sys_admin'],
  });
  expect(JSON.parse(stdout)).toEqual([
    {
      probe: 'ebpf',
      available: false,
      reason: 'This process may not load BPF programs: it lacks CAP_BPF.',
      mend: expect.stringContaining('AmbientCapabilities=CAP_BPF CAP_PERFMON'),
      remarks: [],
      details: [],
    },
    expect.objectContaining({ probe: 'systemtap' }),
    expect.objectContaining({ probe: 'drop-monitor' }),
    expect.objectContaining({ probe: 'counters', available: true }),
  ]);
});

it('remarks that there are no locations without CAP_SYSLOG', async () => {
  const { stdout } = await runNode(script('console.log(JSON.stringify(await checkProbes()))'), {
    without: ['syslog', 'sys_admin'],
  });
  expect(JSON.parse(stdout)).toEqual([
    {
      probe: 'ebpf',
      available: true,
      remarks: [expect.stringContaining('Grant CAP_SYSLOG')],
      details: [],
    },
    expect.objectContaining({ probe: 'systemtap' }),
    expect.objectContaining({ probe: 'drop-monitor' }),
    expect.objectContaining({ probe: 'counters', available: true }),
  ]);
});

it('says when the addon is not built', async () => {
  const { stdout } = await runNode(script('console.log(JSON.stringify(await checkProbes()))'), {
    env: { DROPSCOPE_ADDON: '/nowhere/dropscope.node' },
  });
  expect(JSON.parse(stdout)).toMatchObject([
    {
      available: false,
      reason: expect.stringContaining('dropscope has no working addon'),
      mend: expect.stringContaining('./setup'),
    },
    { probe: 'systemtap' },
    { probe: 'drop-monitor' },
    { probe: 'counters', available: false },
  ]);
});

it('says what the kernel refused when there is no descriptor left', async () => {
  const { stdout, stderr } = await runNode([
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process';
     import { closeSync, openSync } from 'node:fs';
     import { openInjector, readLinkStats, watchDrops } from '${SDK}';
     await readLinkStats({ networkNamespace: '/nowhere' }).catch(() => {}); // Loads the addon, no more.
     execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64']);
     let last;
     try { for (;;) last = openSync('/dev/null'); } catch {}
     const calls = [
       () => readLinkStats(),
       () => readLinkStats('lo'),
       () => readLinkStats({ networkNamespace: '/proc/self/ns/net' }),
       () => watchDrops({ interface: 1 }),
       async () => openInjector('lo'),
       // Room for the first of several that it needs.
       async () => { closeSync(last); closeSync(last - 1); await watchDrops(); },
     ];
     const told = ({ name, code, errnoName, message }) => ({ name, code, errnoName, message });
     const errors = [];
     for (const call of calls) errors.push(await call().then(() => ({}), told));
     console.log(JSON.stringify(errors));`,
  ]);
  expect(stderr).toBe('');
  const error = { name: 'SystemCallError', code: 'ERR_SYSTEM_CALL', errnoName: 'EMFILE' };
  const refused = (doing: string) => ({
    ...error,
    message: `The kernel refused socket while ${doing}: EMFILE.`,
  });
  expect(JSON.parse(stdout)).toEqual([
    refused('reading link counters'),
    refused('looking for an interface'),
    {
      ...error,
      message:
        'The kernel refused open while opening the network namespace "/proc/self/ns/net": EMFILE.',
    },
    refused('looking for an interface'),
    refused('looking for an interface'),
    {
      name: 'ProbeError',
      code: 'ERR_PROBE_UNAVAILABLE',
      message: expect.stringMatching(/as many files open .* ulimit -n/),
    },
  ]);
});

it('says so too when a second frame finds none left', async () => {
  const { stdout } = await runNode([
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process';
     import { openSync } from 'node:fs';
     import { injectFrame } from '${SDK}';
     execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64']);
     const inject = () => injectFrame('lo', new Uint8Array(60));
     execFileSync('ip', ['link', 'set', 'dev', 'lo', 'up']);
     await inject();
     try { for (;;) openSync('/dev/null'); } catch {}
     await inject().catch(({ message }) => console.log(message));`,
  ]);
  expect(stdout).toBe(
    'The kernel refused socket while sending 60 bytes to interface "lo": EMFILE.\n',
  );
});

/** What the call rejects with; {} when it does not. */
async function failure(call: string, without: readonly Capability[]): Promise<object> {
  const { stdout, stderr } = await runNode(
    script(`const error = await ${call}.then(() => ({}), (error) => error);
      console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message }));`),
    { without },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

function script(body: string): string[] {
  return ['--input-type=module', '-e', `import { watchDrops, checkProbes } from '${SDK}'; ${body}`];
}
