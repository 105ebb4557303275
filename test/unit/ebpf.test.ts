import { once } from 'node:events';
import { constants } from 'node:os';
import { beforeEach, expect, it, vi } from 'vitest';
import { watchDrops } from '../../lib/index.ts';

/** What the tracer answers when it is read for the first time. */
const tracer = vi.hoisted(() => ({ drain: () => {}, detach: () => {}, lost: 0 }));

vi.mock('../../lib/native.ts', () => ({
  native: () => ({
    DropTracer: class {
      recordBytes = 144;
      open = (onOpen: () => void) => onOpen();
      drain = () => tracer.drain();
      lost = () => tracer.lost;
      wakeOnNext = () => true;
      detach = () => tracer.detach();
      close() {}
      ref() {}
      unref() {}
    },
    readLinkStats: () => new ArrayBuffer(0),
  }),
}));

beforeEach(() => {
  tracer.drain = () => {};
  tracer.detach = () => {};
  tracer.lost = 0;
});

it('tells what was lost while it was armed', async () => {
  tracer.lost = 7;
  await using drops = await watchDrops();
  expect(await once(drops, 'lost')).toEqual([{ probe: 'ebpf', count: 7, where: 'kernel' }]);
  expect(drops.lost).toEqual({ kernel: 7, queue: 0, output: 0 });
});

it('tells that the drops cannot be read, from the first time on', async () => {
  tracer.drain = refuse;
  await using drops = await watchDrops();
  const closed = once(drops, 'close');
  await expect(drops[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    name: 'SystemCallError',
    message: 'The kernel refused ioctl while reading the drops: EIO.',
  });
  await closed;
});

it('tells what the kernel refuses at closing', async () => {
  tracer.detach = refuse;
  const drops = await watchDrops();
  const waiting = drops[Symbol.asyncIterator]().next();
  await drops.close();
  await expect(waiting).rejects.toMatchObject({ name: 'SystemCallError', errnoName: 'EIO' });
});

function refuse(): never {
  throw Object.assign(new Error('ioctl'), { syscall: 'ioctl', errno: constants.errno.EIO });
}
