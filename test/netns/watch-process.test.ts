import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, it } from 'vitest';
import { openInjector, watchDrops } from '../../lib/index.ts';
import { linkUp } from '../support/namespace.ts';
import { dropUnknown } from '../support/recipe.ts';
import { countBpf, countDescriptors, descriptorsBackTo } from '../support/resources.ts';
import { runNode, startNode } from '../support/run-node.ts';
import { take } from '../support/take.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

beforeAll(() => linkUp('lo'));

it('leaves no descriptor, program or map after 200 watches and injectors', async () => {
  await openAndClose(); // What is opened once and stays.
  const descriptors = countDescriptors();
  const bpf = countBpf();
  for (let i = 0; i < 200; i++) await openAndClose();
  await descriptorsBackTo(descriptors);
  expect(countBpf()).toBe(bpf);
}, 120_000);

it('leaves nothing of a watch in a worker that is terminated', async () => {
  const worker = () =>
    new Worker(
      `import('${SDK}').then(async ({ watchDrops, openInjector }) => {
         globalThis.open = [await watchDrops({ interface: 'lo' }), openInjector('lo')];
         for await (const drop of open[0]) require('node:worker_threads').parentPort.postMessage(drop.etherType);
       });
       setImmediate(function armed() {
         if (globalThis.open) require('node:worker_threads').parentPort.postMessage('armed');
         else setImmediate(armed);
       });`,
      { eval: true },
    );
  await endAfterDrop(worker()); // What a process opens for its first worker.
  const descriptors = countDescriptors();
  const bpf = countBpf();
  for (let i = 0; i < 5; i++) await endAfterDrop(worker());
  await descriptorsBackTo(descriptors);
  expect(countBpf()).toBe(bpf);
});

it('can be terminated in a worker, though nobody else has the addon', async () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const watching = "import('${SDK}').then(async ({ watchDrops }) => {" +
      "const drops = await watchDrops({ interface: 'lo' });" +
      "require('node:worker_threads').parentPort.postMessage('armed');" +
      "for await (const _ of drops) {} })";
    (async () => {
      for (let i = 0; i < 5; i++) {
        const worker = new Worker(watching, { eval: true });
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      const { readdirSync, readlinkSync } = require('node:fs');
      const open = readdirSync('/proc/self/fd').map((fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
      });
      console.log(open.filter((path) => /kallsyms|bpf/.test(path)).length);
    })();`;
  expect(await runNode(['-e', script])).toMatchObject({ code: 0, stdout: '0\n' });
});

it('keeps the process alive while it is open, and ends with it', async () => {
  const script = (then: string) =>
    `import { watchDrops, injectFrame } from '${SDK}';
     const drops = await watchDrops({ interface: 'lo' });
     await injectFrame('lo', { destination: '00:00:00:00:00:00', etherType: 0x4321 });
     for await (const drop of drops) { console.log(drop.etherType); break; }
     ${then}`;
  for (const then of ['await drops.close()', 'drops.unref()']) {
    const { code, stdout } = await runNode(['--input-type=module', '-e', script(then)]);
    expect([then, code, stdout]).toEqual([then, 0, '17185\n']);
  }
  const listening = script("drops.on('drop', () => console.log('alive')); console.log('waits');");
  const { child: forgotten, finish } = startNode(['--input-type=module', '-e', listening]);
  const lines = createInterface({ input: forgotten.stdout })[Symbol.asyncIterator]();
  expect((await take(lines, 2))[1]).toBe('waits');
  await dropUnknown();
  expect(await take(lines, 1)).toEqual(['alive']);
  forgotten.kill('SIGKILL');
  expect(await finish()).toMatchObject({ signal: 'SIGKILL' });
});

it('does not keep the process alive for an open injector', async () => {
  const { code } = await runNode([
    '--input-type=module',
    '-e',
    `import { injectFrame, openInjector } from '${SDK}';
     globalThis.forgotten = openInjector('lo');
     await injectFrame('lo', { destination: '00:00:00:00:00:00', etherType: 0x4321 });`,
  ]);
  expect(code).toBe(0);
});

it('can be required', async () => {
  const { code, stdout, stderr } = await runNode([
    '-e',
    `const { readLinkStats } = require(${JSON.stringify(new URL(SDK).pathname)});
     readLinkStats('lo').then(({ name }) => console.log(name));`,
  ]);
  expect([code, stdout, stderr]).toEqual([0, 'lo\n', '']);
});

async function openAndClose(): Promise<void> {
  const drops = await watchDrops({ interface: 'lo' });
  using injector = openInjector('lo');
  injector.send({ destination: '00:00:00:00:00:00', etherType: 0x4321 });
  for await (const _ of drops) break;
  await drops.close();
}

async function endAfterDrop(worker: Worker): Promise<void> {
  const [armed] = await once(worker, 'message');
  expect(armed).toBe('armed');
  const told = once(worker, 'message');
  await dropUnknown();
  expect(await told).toEqual([0x4321]);
  await worker.terminate();
}
