import { beforeAll, describe, expect, it } from 'vitest';
import {
  type FrameInjector,
  injectFrame,
  type LinkStats,
  openInjector,
  readLinkStats,
} from '../../lib/index.ts';
import { linkUp, vethPair } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { runNode } from '../support/run-node.ts';

const FRAME = { destination: '02:00:00:00:00:0b', etherType: 0x4321 };
const SDK = new URL('../../dist/index.js', import.meta.url).href;

beforeAll(() => {
  vethPair('veth-a', 'veth-b');
  for (const name of ['lo', 'veth-a', 'veth-b']) linkUp(name);
});

/** Every counter of every link, before and after. */
async function nothingMoves(action: () => Promise<void>): Promise<void> {
  const before: LinkStats[] = await readLinkStats();
  await action();
  expect(await readLinkStats()).toEqual(before);
}

describe('an interface', () => {
  const NAME_RULE = 'It is not "." or ".." and has no slash, colon, NUL or white space.';
  const badName = (shown: string) =>
    `Expected an interface name of 1 to 15 bytes for target but received ${shown}. ${NAME_RULE}`;
  const badIndex = (shown: string) =>
    `Expected an interface name or an ifindex from 1 to 2147483647 for target but received ${shown}.`;

  it.each<[unknown, string]>([
    ['', badName('""')],
    ['abcdefghijklmnop', badName('"abcdefghijklmnop"')],
    ['ééééééé1é', badName('"ééééééé1é"')], // 17 bytes
    ['.', badName('"."')],
    ['..', badName('".."')],
    ['../lo', badName('"../lo"')],
    ['lo\0', badName(String.raw`"lo\u0000"`)],
    ['lo\n', badName(String.raw`"lo\n"`)],
    ['lo 1', badName('"lo 1"')],
    ['lo:1', badName('"lo:1"')], // The kernel would take it for lo.
    [0, badIndex('0')],
    [-1, badIndex('-1')],
    [1.5, badIndex('1.5')],
    [2 ** 31, badIndex('2147483648')],
    [2 ** 32 + 1, badIndex('4294967297')],
    [Number.NaN, badIndex('NaN')],
    [1n, badIndex('1n')],
    [null, badIndex('null')],
    [undefined, badIndex('undefined')],
    [['lo'], badIndex('an array of 1')],
  ])('is refused when it is %o', async (target, message) => {
    await nothingMoves(async () => {
      const error = { name: 'ArgumentError', code: 'ERR_INVALID_ARGUMENT', argument: 'target' };
      const refused = expect.objectContaining({ ...error, message });
      expect(() => Reflect.apply(openInjector, undefined, [target])).toThrow(refused);
      await expect(Reflect.apply(readLinkStats, undefined, [target])).rejects.toEqual(refused);
      const injected = Reflect.apply(injectFrame, undefined, [target, FRAME]);
      await expect(injected).rejects.toEqual(refused);
    });
  });

  it.each<[string | number, string]>([
    ['eth7', 'There is no interface "eth7". Interfaces here: lo, veth-b, veth-a.'],
    ['abcdefghijklmno', 'There is no interface "abcdefghijklmno". Interfaces here: lo, '],
    ['%d', 'There is no interface "%d". Interfaces here: lo, '],
    [4711, 'There is no interface with index 4711. Interfaces here: lo, veth-b, veth-a.'],
    [2 ** 31 - 1, 'There is no interface with index 2147483647. Interfaces here: lo, '],
  ])('is told from those that are here when it is %o', async (target, message) => {
    const error = { name: 'ArgumentError', code: 'ERR_NO_INTERFACE', argument: 'target' };
    const absent = expect.objectContaining({ ...error, message: expect.stringContaining(message) });
    expect(() => openInjector(target)).toThrow(absent);
    await expect(readLinkStats(target)).rejects.toEqual(absent);
    await expect(injectFrame(target, FRAME)).rejects.toEqual(absent);
  });
});

describe('a frame', () => {
  const detached = new Uint8Array(60);
  structuredClone(detached, { transfer: [detached.buffer] });
  const short = (shown: string) =>
    `Expected at least 14 bytes for frame but received ${shown}. The header alone has that many.`;

  const CASES: [string, unknown, string][] = [
    ['nothing', undefined, 'an object or as a Uint8Array, for frame but received undefined.'],
    ['a string', 'ff', 'an object or as a Uint8Array, for frame but received "ff".'],
    ['an ArrayBuffer', new ArrayBuffer(60), 'for frame.etherType but received undefined.'],
    ['a DataView', new DataView(new ArrayBuffer(60)), 'for frame but received an object.'],
    ['no bytes', new Uint8Array(0), short('Uint8Array of 0 bytes')],
    ['13 bytes', Buffer.alloc(13), short('Buffer of 13 bytes')],
    ['a detached ArrayBuffer', detached, 'It was transferred (it is detached).'],
    ['a payload that is detached', { ...FRAME, payload: detached }, 'for frame.payload but'],
    ['a bad EtherType', { ...FRAME, etherType: 0x05ff }, 'frame.etherType but received 1535.'],
    ['a bad address', { ...FRAME, destination: '00:00' }, 'frame.destination but received "00:00"'],
    ['a bad source', { ...FRAME, source: 'me' }, 'for frame.source but received "me".'],
    ['a bad VLAN', { ...FRAME, vlan: { id: 4096 } }, 'for frame.vlan.id but received 4096.'],
  ];

  /** The three ways to send, of which each shall refuse it. */
  const WAYS: [string, (injector: FrameInjector, frame: unknown) => unknown][] = [
    ['injectFrame', (_, frame) => Reflect.apply(injectFrame, undefined, ['veth-a', frame])],
    ['send', (injector, frame) => Reflect.apply(injector.send, injector, [frame])],
    ['sendAll', (injector, frame) => Reflect.apply(injector.sendAll, injector, [[frame]])],
  ];

  it.each(CASES)('is refused when it is or has %s', async (_, frame, message) => {
    using injector = openInjector('veth-a');
    await nothingMoves(async () => {
      for (const [, send] of WAYS) {
        await expect((async () => send(injector, frame))()).rejects.toMatchObject({
          name: 'ArgumentError',
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.stringContaining(message),
        });
      }
    });
  });

  it.each(WAYS)(
    'longer than the MTU is refused by %s with its length and the mend',
    async (_, send) => {
      using injector = openInjector('veth-a');
      await nothingMoves(async () => {
        for (const payload of [new Uint8Array(1501), new Uint8Array(10_000_000)]) {
          const length = payload.length + 14;
          await expect((async () => send(injector, { ...FRAME, payload }))()).rejects.toMatchObject(
            {
              name: 'SystemCallError',
              errnoName: 'EMSGSIZE',
              message:
                `The frame of ${length} bytes is longer than interface "veth-a" takes (its MTU and the Ethernet header). ` +
                'Send a shorter frame, or raise the MTU: ip link set veth-a mtu <bytes>',
            },
          );
        }
      });
    },
  );
});

it('refuses what is no list of frames', async () => {
  using injector = openInjector('lo');
  for (const frames of [undefined, null, 5, FRAME, 'frames']) {
    await expect(Reflect.apply(injector.sendAll, injector, [frames])).rejects.toMatchObject({
      name: 'ArgumentError',
      argument: 'frames',
      sent: 0,
      message: expect.stringContaining('Expected an iterable of frames for frames but received'),
    });
  }
});

it('leaves no descriptor behind a refusal', async () => {
  await readLinkStats();
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) expect(() => openInjector('eth7')).toThrow('There is no');
  expect(countDescriptors()).toBe(before);
});

it('names the capability that is missing, and sends nothing', async () => {
  const script = `
    import { injectFrame, openInjector, readLinkStats } from '${SDK}';
    const errors = [];
    try { openInjector('lo') } catch (error) { errors.push(error) }
    await injectFrame('lo', ${JSON.stringify(FRAME)}).catch((error) => errors.push(error));
    console.log(JSON.stringify(errors.map(({ code, message, syscall }) => ({ code, message, syscall }))));
    await readLinkStats('lo');`;
  await nothingMoves(async () => {
    const { stdout, stderr, code } = await runNode(['--input-type=module', '-e', script], {
      without: ['net_raw'],
    });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const error = {
      code: 'ERR_PERMISSION',
      syscall: 'socket',
      message:
        'This process may not open a packet socket: it lacks CAP_NET_RAW. Run as root, or grant ' +
        'it to the service (AmbientCapabilities=CAP_NET_RAW in its systemd unit).',
    };
    expect(JSON.parse(stdout)).toEqual([error, error]);
  });
});
