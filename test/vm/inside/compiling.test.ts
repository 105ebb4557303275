// What runs stap itself, which takes long where it is emulated.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { injectFrame, readLinkStats, watchDrops } from '../../../dist/index.js';
import { COMPILES, DROPSCOPE, doctor, FRAME, HAS_EBPF, nothingLoaded, take } from './support.ts';

afterEach(nothingLoaded);

it.runIf(COMPILES)('compiles the script here, tells how far it is, and sees drops', async () => {
  const steps: string[] = [];
  await using drops = await watchDrops({
    probe: 'systemtap',
    onProgress: ({ step }) => steps.push(step),
  });
  expect(steps.join('\n')).toMatch(/^Pass 1: [\s\S]*^Pass 4: /m);
  const before = (await readLinkStats('lo')).rxDropped ?? 0n;
  for (let i = 0; i < 5; i += 1) await injectFrame('lo', FRAME);
  expect(await take(drops, 5)).toEqual(
    Array.from({ length: 5 }, (_, i) =>
      expect.objectContaining({
        probe: 'systemtap',
        interface: 'lo',
        ...FRAME,
        counter: {
          name: 'rx_dropped',
          before: before + BigInt(i),
          after: before + BigInt(i) + 1n,
        },
        length: 60,
      }),
    ),
  );
  expect((await readLinkStats('lo')).rxDropped).toBe(before + 5n);
});

it('ends with a last line when it is interrupted while it compiles', async () => {
  const args = [DROPSCOPE, 'watch', 'lo', '--probe', 'systemtap', '--json'];
  const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = text(child.stdout);
  const closed = once(child, 'close');
  createInterface(child.stderr).once('line', () => child.kill('SIGINT'));
  expect(JSON.parse(await output)).toMatchObject({ event: 'end', probe: null, drops: 0 });
  expect(await closed).toEqual([130, null]);
});

it('prints the recipe as a script that stap runs as it is', async () => {
  // Or staprun, with the module that stap made of it: where it takes too long to compile it here.
  const stap = spawn('sh', ['-c', `exec ${process.env['GUEST_RECIPE']}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(stap, 'close');
  const lines: string[] = [];
  createInterface(stap.stdout).on('line', (line) => lines.push(line));
  const before = (await readLinkStats('lo')).rxDropped ?? 0n;
  let sent = 0n;
  // It does not tell when it is armed.
  while (lines.length < 5 && stap.exitCode === null) {
    await injectFrame('lo', FRAME);
    sent += 1n;
    await sleep(500);
  }
  stap.kill('SIGINT');
  await closed;
  const dropped = Number(before + sent);
  expect(lines.slice(0, 5)).toEqual([
    `dropped1 = ${dropped - 1}`,
    `dropped2 = ${dropped}`,
    '  src=00:00:5e:00:53:00',
    '  dst=00:00:00:00:00:00',
    '  proto=0x4321',
  ]);
});

it('is told by doctor what works, what is looked for and where that is', async () => {
  const probes = (await doctor()).filter(({ event }) => event === 'probe');
  expect(probes).toMatchObject([
    { probe: 'ebpf', available: HAS_EBPF },
    { probe: 'systemtap', available: true },
    { probe: 'drop-monitor', available: false, mend: expect.stringContaining('modprobe') },
    { probe: 'counters', available: true },
  ]);
  expect(probes[1]?.details.join('\n')).toMatch(
    /^The kernel loads modules\.\nSystemTap \d.*\n__netif_receive_skb_core\.drop at net\/core\/dev\.c:\d+: .*\$p?skb/,
  );
});
