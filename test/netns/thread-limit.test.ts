import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { pcapFile } from '../support/capture-file.ts';
import { linkUp } from '../support/namespace.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

// getrlimit(2), RLIMIT_NPROC: "not enforced for processes that have [...] the CAP_SYS_ADMIN or the
// CAP_SYS_RESOURCE capability, or run with real user ID 0".
const NOBODY = ['--reuid=65534', '--clear-groups'];
const KEPT = '-all,+net_raw,+dac_override';

it('says what the kernel refused when there is no thread left', async () => {
  linkUp('lo');
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-test-'));
  const file = join(folder, 'one.pcap');
  const frame = { bytes: new Uint8Array(60), timeNs: 0n };
  writeFileSync(file, pcapFile([frame], { littleEndian: true, digits: 6 }));
  const script = `import { execFileSync } from 'node:child_process';
    import { openInjector, readLinkStats } from '${SDK}';
    const injector = openInjector('lo');
    execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1']);
    const calls = [
      () => injector.flood({ frame: new Uint8Array(60), count: 1 }),
      () => injector.replay(${JSON.stringify(file)}),
      () => readLinkStats({ networkNamespace: '/proc/self/ns/net' }),
    ];
    const told = ({ name, code, errnoName, message }) => ({ name, code, errnoName, message });
    const errors = [];
    for (const call of calls) errors.push(await call().then(() => ({}), told));
    injector.close();
    console.log(JSON.stringify(errors));`;
  try {
    const { stdout } = await promisify(execFile)('setpriv', [
      ...NOBODY,
      `--inh-caps=${KEPT}`,
      `--ambient-caps=${KEPT}`,
      process.execPath,
      '--input-type=module',
      '--eval',
      script,
    ]);
    const refused = (doing: string) => ({
      name: 'SystemCallError',
      code: 'ERR_SYSTEM_CALL',
      errnoName: 'EAGAIN',
      message: expect.stringMatching(`clone while ${doing}.*EAGAIN.*ulimit -u, or TasksMax=`),
    });
    expect(JSON.parse(stdout)).toEqual([
      refused('starting a thread'),
      refused('starting a thread'),
      refused('opening the network namespace'),
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
