import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  addon,
  callWithOddValues,
  collectGarbage,
  countDescriptors,
  run,
} from './support/addon.mjs';

const { LinkMonitor } = addon;

/** Resolves with what was read at the first call. */
function firstChange(start) {
  return new Promise((resolve) => {
    const monitor = new LinkMonitor(() => {
      const changes = monitor.read();
      if (changes.removed.length === 0) return;
      monitor.close();
      resolve(changes);
    });
    start();
  });
}

it('tells which link was removed, and may be closed in its callback', async () => {
  run('ip', 'link add name a type veth peer name b');
  const links = [addon.interfaceIndex('a'), addon.interfaceIndex('b')];
  const { removed, overrun } = await firstChange(() => run('ip', 'link delete dev a'));
  assert.ok(links.includes(removed[0]));
  assert.equal(overrun, false);
});

it('hears nothing of a port that leaves its bridge', () => {
  const commands = ['link add name bridge type bridge', 'link add name port type veth'];
  run('ip', ...commands, 'link set dev port master bridge');
  const monitor = new LinkMonitor(() => {});
  run('ip', 'link set dev port nomaster');
  assert.deepEqual(monitor.read(), { removed: [], overrun: false });
  const port = addon.interfaceIndex('port');
  run('ip', 'link delete dev port');
  assert.ok(monitor.read().removed.includes(port));
  monitor.close();
});

it('says so when the kernel had no room for notifications', () => {
  const monitor = new LinkMonitor(() => {});
  // It holds net.core.rmem_default bytes: some hundred notifications.
  run('ip', ...Array(400).fill(['link set lo up', 'link set lo down']).flat());
  assert.equal(monitor.read().overrun, true);
  assert.deepEqual(monitor.read(), { removed: [], overrun: false });
  monitor.close();
});

it('leaves no descriptor after 200 cycles, and closes twice', async () => {
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) {
    const monitor = new LinkMonitor(() => {});
    monitor.unref();
    monitor.ref();
    monitor.close();
    monitor.close();
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});

it('is not collected while it is open', async () => {
  const change = firstChange(() => {});
  await collectGarbage();
  run('ip', 'link add name c type veth peer name d');
  run('ip', 'link delete dev c');
  assert.notEqual((await change).removed.length, 0);
});

it('refuses bad arguments, and everything after close', () => {
  callWithOddValues((callback) => new LinkMonitor(callback), [() => {}]);
  assert.throws(() => LinkMonitor(() => {}), TypeError);
  assert.throws(() => LinkMonitor.prototype.read.call({}), Error);
  const monitor = new LinkMonitor(() => {});
  monitor.close();
  for (const method of ['read', 'ref', 'unref']) assert.throws(() => monitor[method](), /closed/);
});

it('does not keep the process alive when it is unref’d and forgotten', () => {
  new LinkMonitor(() => {}).unref();
});
