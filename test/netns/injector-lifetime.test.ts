import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type EthernetFrame,
  type FrameInjector,
  injectFrame,
  openInjector,
  readLinkStats,
} from '../../lib/index.ts';
import { startCapture } from '../support/capture.ts';
import { carrier, tc } from '../support/links.ts';
import { linkUp, moveLink, openNamespace, vethPair } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { runNode } from '../support/run-node.ts';
import { waitFor } from '../support/wait-for.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;
const FRAME: EthernetFrame = { destination: '02:00:00:00:00:0b', etherType: 0x4321 };
const numbered = (length: number) =>
  Array.from({ length }, (_, i) => ({ ...FRAME, payload: Buffer.of(i >> 8, i & 0xff) }));

const CLOSED = {
  name: 'DropscopeError',
  code: 'ERR_CLOSED',
  message: 'This injector is closed. Open another one.',
};

beforeAll(() => linkUp('lo'));

it('an injector may be closed twice, and answers ERR_CLOSED after that', async () => {
  const injector = openInjector('lo');
  const before = await readLinkStats('lo');
  injector.close();
  injector.close();
  injector[Symbol.dispose]();
  expect(() => injector.send(FRAME)).toThrow(expect.objectContaining(CLOSED));
  await expect(injector.sendAll([FRAME])).rejects.toMatchObject({ ...CLOSED, sent: 0 });
  await expect(injector.sendAll([])).rejects.toMatchObject({ ...CLOSED, sent: 0 });
  expect(await readLinkStats('lo')).toEqual(before);
});

it('an injector is closed at the end of its block', () => {
  let leaked: FrameInjector;
  {
    using injector = openInjector('lo');
    leaked = injector;
  }
  expect(() => leaked.send(FRAME)).toThrow('This injector is closed.');
});

it('sendAll sends nothing for no frames', async () => {
  using injector = openInjector('lo');
  expect(await injector.sendAll([])).toBe(0);
});

it('sendAll lets other work of the process go on between windows, and can be closed there', async () => {
  const injector = openInjector('lo');
  function* forever() {
    for (;;) yield FRAME;
  }
  const sending = injector.sendAll(forever());
  await nextTurn();
  await nextTurn();
  injector.close();
  const error = await sending.catch((reason) => reason);
  expect(error).toMatchObject(CLOSED);
  expect(error.sent).toBeGreaterThan(0);
  expect(error.sent % 256).toBe(0);
});

it('200 injectors leave no descriptor behind', async () => {
  openInjector('lo').close();
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) {
    using injector = openInjector('lo');
    injector.send(FRAME);
  }
  expect(countDescriptors()).toBe(before);
});

it('injectFrame shares one socket between calls, and closes it when they cease', async () => {
  await readLinkStats();
  const before = countDescriptors();
  await injectFrame('lo', FRAME);
  expect(countDescriptors()).toBe(before + 1);
  // From the second call on it listens for changes of links: a netlink socket and an epoll.
  for (let i = 0; i < 200; i += 1) await injectFrame('lo', FRAME);
  expect(countDescriptors()).toBe(before + 3);
  await waitFor('the socket to be closed', () => countDescriptors() === before);
  await injectFrame('lo', FRAME);
  expect(countDescriptors()).toBe(before + 1);
});

describe('when the send buffer is full', () => {
  let peer: Awaited<ReturnType<typeof openNamespace>>;

  beforeEach(async () => {
    peer = await openNamespace();
    vethPair('veth-a', 'veth-b');
    moveLink('veth-b', peer);
    linkUp('veth-a');
    peer.ip('link', 'set', 'dev', 'veth-b', 'up');
    await carrier('veth-a');
  });

  afterEach(async () => {
    await peer[Symbol.asyncDispose]();
    // The kernel ends a namespace, and with it the pair, some time after its last process.
    await waitFor('the end of the pair', async () => (await readLinkStats()).length === 1);
  });

  /** Lets veth-a send so fast, and keep more than the socket's send buffer holds. */
  function shape(rate: string): void {
    const tbf = ['tbf', 'rate', rate, 'burst', '2kb', 'limit', '10mb'];
    tc('qdisc', 'replace', 'dev', 'veth-a', 'root', ...tbf);
  }

  /** Sends until the kernel takes no more. */
  function fill(injector: FrameInjector): unknown {
    for (;;) {
      try {
        injector.send(FRAME);
      } catch (error) {
        return error;
      }
    }
  }

  it('refuses a frame by send, for that does not wait', () => {
    shape('80bit');
    using injector = openInjector('veth-a');
    expect(fill(injector)).toMatchObject({
      name: 'SystemCallError',
      code: 'ERR_SYSTEM_CALL',
      errnoName: 'EAGAIN',
      message:
        'The send buffer of the socket on interface "veth-a" is full (EAGAIN). Send with sendAll(), which waits until it has room.',
    });
  });

  it('waits in sendAll and injectFrame, and keeps the order', async () => {
    shape('8mbit');
    await using capture = await startCapture(peer, 'veth-b');
    using injector = openInjector('veth-a');
    const frames = numbered(1000);
    expect(await injector.sendAll(frames)).toBe(1000);
    await Promise.all(frames.map((frame) => injectFrame('veth-a', frame)));
    const captured = await capture.frames(2000);
    const numbers = frames.map((_, i) => i);
    expect(captured.map((frame) => frame.readUInt16BE(14))).toEqual([...numbers, ...numbers]);
    expect(await readLinkStats('veth-a')).toMatchObject({ txPackets: 2000n, txDropped: 0n });
  });

  it('ends the waiting of sendAll by close', async () => {
    shape('80bit');
    const injector = openInjector('veth-a');
    fill(injector);
    const sending = injector.sendAll([FRAME]);
    const queued = injector.sendAll([FRAME]);
    await nextTurn();
    injector.close();
    await expect(sending).rejects.toMatchObject({ ...CLOSED, sent: 0 });
    await expect(queued).rejects.toMatchObject({ ...CLOSED, sent: 0 });
  });

  it('tells waiting calls that the interface went', async () => {
    shape('80bit');
    using injector = openInjector('veth-a');
    fill(injector);
    const sending = injector.sendAll([FRAME]);
    const injecting = Promise.allSettled(
      numbered(1000).map((frame) => injectFrame('veth-a', frame)),
    );
    await nextTurn();
    await peer[Symbol.asyncDispose]();
    const gone = { code: 'ERR_INTERFACE_GONE' };
    await expect(sending).rejects.toMatchObject({ ...gone, sent: 0 });
    const results = await injecting;
    expect(results.at(0)).toEqual({ status: 'fulfilled', value: undefined });
    // Its name is looked up when the frame is sent.
    expect(results.at(-1)).toMatchObject({
      status: 'rejected',
      reason: { code: 'ERR_NO_INTERFACE' },
    });
  });
});

describe('a process', () => {
  const run = (body: string) =>
    runNode([
      '--input-type=module',
      '-e',
      `import { injectFrame, openInjector } from '${SDK}'; ${body}`,
    ]);
  const frame = JSON.stringify(FRAME);

  it.each([
    ['injects a frame', `await injectFrame('lo', ${frame});`],
    ['forgets an injector', `openInjector('lo').send(${frame});`],
  ])('that %s ends by itself', async (_, body) => {
    expect(await run(body)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
