import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { injectFrame } from '../../../dist/index.js';
import {
  DROPSCOPE,
  FRAME,
  killStapio,
  loadedModules,
  MODULE,
  nothingLoaded,
  watch,
  watchInAnotherProcess,
} from './support.ts';

/** In the middle of events, all the time. */
let sending: NodeJS.Timeout;
beforeAll(() => {
  sending = setInterval(() => injectFrame('lo', FRAME), 20);
});
afterAll(() => clearInterval(sending));
afterEach(nothingLoaded);

describe('when stapio is killed', () => {
  it('fails once, and leaves no module', async () => {
    const drops = await watch();
    const errors: Error[] = [];
    drops.on('error', (error) => errors.push(error));
    const closed = new Promise<void>((resolve) => drops.on('close', resolve));
    await once(drops, 'drop');
    await killStapio();
    await closed;
    expect(errors).toEqual([
      expect.objectContaining({
        name: 'ProbeError',
        probe: 'systemtap',
        reason: 'staprun was ended by SIGKILL.',
      }),
    ]);
  });

  it('removes the module that a process left which was killed with it', async () => {
    const child = await watchInAnotherProcess();
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await killStapio();
    await closed;
    const [left] = loadedModules();
    expect(left).toBeDefined();
    await using _ = await watch();
    expect(loadedModules()).toHaveLength(1);
    expect(loadedModules()).not.toContain(left);
  });
});

it('removes its module when only Node.js is killed', async () => {
  const child = await watchInAnotherProcess();
  child.kill('SIGKILL');
  await nothingLoaded();
});

it('reports what it saw when Ctrl-C ends the command', async () => {
  const args = [DROPSCOPE, 'watch', 'lo', '--module', MODULE, '--json'];
  const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (lines.push(line) === 1) child.kill('SIGINT');
  }
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ event: 'end', probe: 'systemtap' });
  expect(await closed).toEqual([130, null]);
});

it('leaves alone what another process watches by', async () => {
  const child = await watchInAnotherProcess('process.stdin.resume();');
  const drops = await watch();
  expect(loadedModules()).toHaveLength(2);
  await drops.close();
  expect(loadedModules()).toHaveLength(1);
  child.kill('SIGTERM');
});

it('lets the process end that does not wait for it', async () => {
  const child = await watchInAnotherProcess('drops.unref();');
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
});

it('stops when it is interrupted while it is armed', async () => {
  const armed = watch({ signal: AbortSignal.timeout(300) });
  await expect(armed).rejects.toThrow('aborted due to timeout');
});
