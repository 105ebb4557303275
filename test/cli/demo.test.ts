import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { linkCounters } from '../support/namespace.ts';
import { dropscope } from './dropscope.ts';

it('shows the recipe’s lines, then what is known beyond them', async () => {
  const { code, stdout, stderr } = await dropscope(['demo']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`dropped1 = 0
dropped2 = 1
  src=00:00:5e:00:53:00
  dst=00:00:00:00:00:00
  proto=0x4321

reason     UNHANDLED_PROTO
function   __netif_receive_skb_core
interface  lo
counter    rx_dropped
length     60 bytes
seen by    ebpf

"ip -s link show lo" agrees: 1 dropped.
`);
});

it('leaves the namespace that it was started in alone', async () => {
  await dropscope(['demo']);
  expect(linkCounters('lo').rx['packets']).toBe(0);
});

it('exits with 77 when it may not make a namespace', async () => {
  const { code, stdout, stderr } = await dropscope(['demo'], { without: ['sys_admin'] });
  expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
  expect(stderr).toMatch(/^dropscope: .*unshare.*Operation not permitted.* Run as root.*\n$/);
});

it('tells the last line of what a program that failed has said', async () => {
  const path = mkdtempSync(join(tmpdir(), 'dropscope-'));
  try {
    const script = '#!/bin/sh\necho "a warning" >&2; echo "what ended it" >&2; exit 3\n';
    writeFileSync(join(path, 'unshare'), script, { mode: 0o755 });
    const { code, stderr } = await dropscope(['demo'], { env: { PATH: path } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'dropscope: The demonstration ran "unshare --net -- true" and it failed: what ended it.\n',
    });
  } finally {
    rmSync(path, { recursive: true });
  }
});

it('says which package has the program that is missing', async () => {
  const path = mkdtempSync(join(tmpdir(), 'dropscope-'));
  try {
    const noUnshare = await dropscope(['demo'], { env: { PATH: path } });
    expect(noUnshare).toMatchObject({ code: 1, stdout: '' });
    expect(noUnshare.stderr).toMatch(/^dropscope: .* unshare.*apt-get install util-linux\n$/);

    symlinkSync('/usr/bin/unshare', join(path, 'unshare'));
    symlinkSync('/bin/true', join(path, 'true'));
    const noIp = await dropscope(['demo'], { env: { PATH: path } });
    expect(noIp).toMatchObject({ code: 1, stdout: '' });
    expect(noIp.stderr).toMatch(/^dropscope: .* ip, .*apt-get install iproute2\n$/);
  } finally {
    rmSync(path, { recursive: true });
  }
});
