import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { expect, it, vi } from 'vitest';
import { WatchedNamespace } from '../../lib/watch/watched-namespace.ts';

/** What inotify, which can hardly be made to refuse it, has to say. */
const folder = vi.hoisted(() => ({ watcher: undefined as EventEmitter | undefined }));

vi.mock('node:fs', async (original) => ({
  ...(await original<object>()),
  watch: () => {
    folder.watcher = Object.assign(new EventEmitter(), { close: () => {} });
    return folder.watcher;
  },
}));

it('fails what watches when the kernel does not report names any more', () => {
  const namespace = new WatchedNamespace('/proc/self/ns/net');
  const failed = vi.fn();
  namespace.onFailure = failed;
  const error = Object.assign(new Error('read'), { syscall: 'read', errno: -constants.errno.EIO });
  folder.watcher?.emit('error', error);
  const refused = expect.objectContaining({
    name: 'SystemCallError',
    message:
      'The kernel refused read while listening for names of network namespaces that go: EIO.',
  });
  expect(failed).toHaveBeenCalledExactlyOnceWith(refused);
  expect(() => namespace.check()).toThrow(refused);
  namespace.close();
});
