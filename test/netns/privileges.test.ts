import { beforeAll, expect, it } from 'vitest';
import { linkUp } from '../support/namespace.ts';
import { type Capability, runNode } from '../support/run-node.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

beforeAll(() => linkUp('lo'));

it('says which capabilities watching needs', async () => {
  for (const capability of ['bpf', 'perfmon'] as const) {
    expect(await failure("watchDrops({ interface: 'lo' })", [capability, 'sys_admin'])).toEqual({
      name: 'ProbeError',
      code: 'ERR_PERMISSION',
      message:
        'This process may not load BPF programs: it lacks CAP_BPF or CAP_PERFMON. Run as root, or ' +
        'grant both to the service (AmbientCapabilities=CAP_BPF CAP_PERFMON in its systemd unit).',
    });
  }
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
      reason: 'This process may not load BPF programs: it lacks CAP_BPF or CAP_PERFMON.',
      mend: expect.stringContaining('AmbientCapabilities=CAP_BPF CAP_PERFMON'),
      remarks: [],
    },
  ]);
});

it('remarks that there are no locations without CAP_SYSLOG', async () => {
  const { stdout } = await runNode(script('console.log(JSON.stringify(await checkProbes()))'), {
    without: ['syslog', 'sys_admin'],
  });
  expect(JSON.parse(stdout)).toEqual([
    { probe: 'ebpf', available: true, remarks: [expect.stringContaining('Grant CAP_SYSLOG')] },
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
  ]);
});

it('says what the kernel refused when there is no descriptor left', async () => {
  const { stdout, stderr } = await runNode([
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process';
     import { openSync } from 'node:fs';
     import { openInjector, readLinkStats, watchDrops } from '${SDK}';
     await watchDrops({ reason: 'BAD_LUCK' }).catch(() => {}); // Loads the addon and no more.
     execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64']);
     try { for (;;) openSync('/dev/null'); } catch {}
     const calls = [
       () => readLinkStats(),
       () => readLinkStats('lo'),
       () => watchDrops({ interface: 1 }),
       async () => openInjector('lo'),
     ];
     const told = ({ name, code, errnoName, message }) => ({ name, code, errnoName, message });
     const errors = await Promise.all(calls.map((call) => call().then(() => ({}), told)));
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
    refused('looking for an interface'),
    refused('looking for an interface'),
  ]);
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
