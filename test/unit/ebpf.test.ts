import { once } from 'node:events';
import { constants } from 'node:os';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type LostEvent, watchDrops } from '../../lib/index.ts';
import type { DropTracer } from '../../lib/native.ts';
import { EbpfTracing } from '../../lib/probes/ebpf-tracing.ts';
import type { ProbeSink } from '../../lib/probes/probe.ts';

const RECORD_BYTES = vi.hoisted(() => 144);

/** What the tracer answers, and how often it was asked to call back. */
const tracer = vi.hoisted(() => ({
  drain: (): number => 0,
  detach: () => {},
  lost: 0,
  waiting: 0,
  asked: 0,
}));

const FakeTracer = vi.hoisted(
  () =>
    class implements DropTracer {
      recordBytes = RECORD_BYTES;
      open = (onOpen: (error: undefined) => void) => onOpen(undefined);
      drain = () => tracer.drain();
      lost = () => tracer.lost;
      accounts = () => new ArrayBuffer(0);
      takeTalkers = () => ({ talkers: new ArrayBuffer(0), others: 0, mostMissing: 0 });
      wakeOnNext = () => {
        tracer.asked += 1;
        return true;
      };
      measure = (_allLinks: boolean, onEnd: () => void) => onEnd();
      detach = () => tracer.detach();
      get waiting() {
        return tracer.waiting;
      }
      close() {}
      ref() {}
      unref() {}
    },
);

vi.mock('../../lib/native.ts', () => ({
  native: () => ({
    DropTracer: FakeTracer,
    LinkMonitor: class {
      read = () => ({ removed: [], overrun: false });
      unref() {}
      close() {}
    },
    readLinkStats: () => new ArrayBuffer(0),
    namespaceCookie: () => undefined,
  }),
}));

beforeEach(() => {
  tracer.drain = () => 0;
  tracer.detach = () => {};
  tracer.lost = 0;
  tracer.waiting = 0;
  tracer.asked = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

it('tells what was lost while it was armed', async () => {
  tracer.lost = 7;
  await using drops = await watchDrops();
  expect(await once(drops, 'lost')).toEqual([{ probe: 'ebpf', count: 7, where: 'kernel' }]);
  expect(drops.lost).toEqual({ kernel: 7, queue: 0, output: 0 });
});

it('tells that the drops cannot be read, from the first time on', async () => {
  tracer.waiting = 1;
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

it('tells what was lost when it is flushed, also when no drop came since', async () => {
  const { tracing, told } = await openTracing();
  tracer.lost = 3;
  tracing.flush();
  expect(told.lost).toEqual([{ probe: 'ebpf', count: 3, where: 'kernel' }]);
  await tracing.close();
});

it('tells what was lost within a second, also when no drop comes', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { tracing, told } = await openTracing();
  tracer.lost = 3;
  vi.advanceTimersByTime(1000);
  expect(told.lost).toEqual([{ probe: 'ebpf', count: 3, where: 'kernel' }]);
  await tracing.close();
});

it('asks to be called back again when a flush has read the drop that was to call back', async () => {
  const { tracing, told } = await openTracing();
  tracer.waiting = 1;
  tracer.drain = () => {
    tracer.waiting = 0;
    return 1;
  };
  tracing.flush();
  expect(told.drops).toBe(1);
  expect(tracer.asked).toBe(2);
  await tracing.close();
});

/** A probe that has found its ring empty and waits for the tracer to call back. */
async function openTracing() {
  const told = { drops: 0, lost: [] as LostEvent[] };
  const sink: ProbeSink = {
    batch: ({ length }) => {
      told.drops += length;
    },
    lost: (event) => told.lost.push(event),
    totals() {},
    talkers() {},
    failed(error) {
      throw error;
    },
  };
  const tracing = new EbpfTracing(() => new FakeTracer(), sink, { summary: false });
  await tracing.open();
  await vi.waitUntil(() => tracer.asked === 1);
  return { tracing, told };
}

function refuse(): never {
  throw Object.assign(new Error('ioctl'), { syscall: 'ioctl', errno: constants.errno.EIO });
}
