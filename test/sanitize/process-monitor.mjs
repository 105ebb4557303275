import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { it } from 'node:test';
import { addon, callWithOddValues, collectGarbage, countDescriptors } from './support/addon.mjs';

const { ProcessMonitor } = addon;

/** A process that ends when its input does. */
function startCat() {
  // Without the sanitizer, which is preloaded into this process.
  return spawn('cat', { env: { ...process.env, LD_PRELOAD: '' } });
}

it('calls back when the process has ended, and may be closed in its callback', async () => {
  const cat = startCat();
  const ended = new Promise((resolve) => {
    const monitor = new ProcessMonitor(() => {
      const hasEnded = monitor.read();
      monitor.close();
      resolve(hasEnded);
    }, cat.pid);
    assert.equal(monitor.read(), false);
  });
  cat.stdin.end();
  assert.equal(await ended, true);
});

it('leaves no descriptor after 200 cycles, and closes twice', async () => {
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) {
    const monitor = new ProcessMonitor(() => {}, process.pid);
    monitor.unref();
    monitor.ref();
    monitor.close();
    monitor.close();
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});

it('is not collected while it is open', async () => {
  const cat = startCat();
  const ended = new Promise((resolve) => {
    const monitor = new ProcessMonitor(() => {
      monitor.close();
      resolve();
    }, cat.pid);
  });
  await collectGarbage();
  cat.stdin.end();
  await ended;
});

it('refuses bad arguments, what is no process, and everything after close', () => {
  callWithOddValues(
    (callback, pid) => new ProcessMonitor(callback, pid).close(),
    [() => {}, process.pid],
  );
  const ESRCH = 3;
  assert.throws(() => new ProcessMonitor(() => {}, 4_000_000), {
    syscall: 'pidfd_open',
    errno: ESRCH,
  });
  assert.throws(() => ProcessMonitor.prototype.read.call({}), Error);
  const monitor = new ProcessMonitor(() => {}, process.pid);
  monitor.close();
  for (const method of ['read', 'ref', 'unref']) assert.throws(() => monitor[method](), /closed/);
});

it('does not keep the process alive when it is unref’d and forgotten', () => {
  new ProcessMonitor(() => {}, process.pid).unref();
});
