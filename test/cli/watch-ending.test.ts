import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { beforeAll, expect, it } from 'vitest';
import { type EthernetFrame, injectFrame, openInjector } from '../../lib/index.ts';
import { linkUp } from '../support/namespace.ts';
import type { StartedNode } from '../support/run-node.ts';
import { waitFor } from '../support/wait-for.ts';
import { objects, startWatch } from './dropscope.ts';

const FRAME: EthernetFrame = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
};

beforeAll(() => linkUp('lo'));

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('closes on %s, tells what it saw, and exits with %i', async (signal, exitCode) => {
  const human = await startWatch('lo');
  const json = await startWatch('lo', '--json');
  await injectFrame('lo', FRAME);
  for (const { child } of [human, json]) child.kill(signal);
  const results = await Promise.all([human.finish(), json.finish()]);
  expect(results.map(({ code }) => code)).toEqual([exitCode, exitCode]);
  expect(results[0].stdout).toMatch(
    /UNHANDLED_PROTO[\s\S]*\n\nSeen: 1 drop [\s\S]*\nLost: none\n$/,
  );
  expect(results[1].stderr).toMatch(/^ready\n\nSeen: 1 drop [\s\S]*\nLost: none\n$/);
  expect(objects(results[1].stdout)).toEqual([
    expect.objectContaining({ event: 'drop' }),
    expect.objectContaining({ event: 'end', drops: 1, lost: 0 }),
  ]);
});

it('counts as lost what a slow reader has no room for: delivered and lost are all', async () => {
  const sent = 150_000;
  const watch = await startWatch('lo', '--json');
  using injector = openInjector('lo');
  await injector.sendAll(Array.from({ length: sent }, () => FRAME));
  watch.child.kill('SIGINT');
  const { code, stdout, stderr } = await watch.finish();
  const lines = objects(stdout);
  const delivered = lines.filter(({ event }) => event === 'drop').length;
  const lost = lines
    .filter(({ event }) => event === 'lost')
    .reduce((sum, { count }) => sum + Number(count), 0);
  expect(code).toBe(130);
  expect(lines.find(({ event }) => event === 'lost')).toEqual({
    event: 'lost',
    time: expect.any(String),
    probe: 'ebpf',
    count: expect.any(Number),
    where: expect.stringMatching(/^(queue|kernel)$/),
  });
  expect(lost).toBeGreaterThan(0);
  expect(delivered + lost).toBe(sent);
  expect(stderr).toContain(`Seen: ${delivered} drops `);
  expect(lines.at(-1)).toMatchObject({ event: 'end', drops: delivered, lost });
  expect(stderr).toContain('(this output was read too slowly)');
});

it('is killed by a second Ctrl-C while it waits for its reader', async () => {
  const { child, finish } = await interruptedWhileFull();
  child.kill('SIGINT');
  await once(child, 'exit');
  expect(await finish()).toMatchObject({ code: null, signal: 'SIGINT' });
});

it('tells what it saw when a Ctrl-C has ended its reader, too', async () => {
  const { child, finish } = await interruptedWhileFull();
  child.stdout.destroy();
  const { code, stderr } = await finish();
  expect(code).toBe(130);
  expect(stderr).toMatch(/^ready\n\nSeen: \d+ drops [\s\S]*\nLost: none\n$/);
});

it('ends quietly when its reader goes away', async () => {
  const { child, finish } = await startWatch('lo', '--json');
  await injectFrame('lo', FRAME);
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  await waitFor('the watch to notice that nobody reads', async () => {
    await injectFrame('lo', FRAME);
    return child.exitCode !== null;
  });
  expect(await finish()).toMatchObject({ code: 141, stderr: 'ready\n' });
});

/** A watch that has heard a Ctrl-C, and cannot close before its reader takes more than a pipe holds. */
async function interruptedWhileFull(): Promise<StartedNode> {
  const watch = await startWatch('lo', '--json');
  using injector = openInjector('lo');
  await injector.sendAll(Array.from({ length: 20_000 }, () => FRAME));
  watch.child.kill('SIGINT');
  await waitFor('the first signal to be heard', () => !catches(watch.child.pid, 'SIGINT'));
  return watch;
}

/** SigCgt in proc(5): a mask of the signals that are caught. */
function catches(pid: number | undefined, signal: NodeJS.Signals): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, mask = '0'] = /^SigCgt:\s*([\da-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
}
