import { beforeAll, expect, it } from 'vitest';
import { openInjector, readLinkStats } from '../../../dist/index.js';
import { addVeth, FRAME, HAS_EBPF, ip, TO_VETH } from './support.ts';

/** Live frames came with 5.18. */
const HAS_LIVE_FRAMES = HAS_EBPF;
const RECEIVE = { direction: 'receive' } as const;
const VARY = [
  { field: 'source', random: 1 },
  { field: { offset: 4, width: 3 }, values: [1, 2, 3] },
] as const;

beforeAll(() => {
  addVeth('vi', 'vj');
  ip('link', 'add', 'dev', 'dummy7', 'type', 'dummy');
  ip('link', 'set', 'dev', 'dummy7', 'addrgenmode', 'none', 'up');
});

it.runIf(HAS_LIVE_FRAMES)(
  'lets a device that has no wire receive frames, and drop them',
  async () => {
    const before = await readLinkStats('dummy7');
    using injector = openInjector('dummy7', RECEIVE);
    injector.send(FRAME);
    const report = await injector.flood({ frame: TO_VETH, count: 10_000, vary: VARY });
    expect(report).toMatchObject({ engine: 'live-frames', sent: 10_000, refused: {} });
    expect((await readLinkStats('dummy7')).rxDropped - before.rxDropped).toBe(10_001n);
  },
);

it.runIf(HAS_LIVE_FRAMES)('does not trust live frames that do not arrive', async () => {
  using injector = openInjector('vi');
  const engine = ['live-frames', 'af-xdp'] as const;
  const report = await injector.flood({ frame: TO_VETH, count: 5000, engine, vary: VARY });
  expect(report).toMatchObject({
    engine: 'af-xdp',
    sent: 5000,
    refused: {},
    passedOver: [{ engine: 'live-frames', reason: expect.stringContaining('do not leave') }],
  });
});

it.skipIf(HAS_LIVE_FRAMES)('says that a kernel has no live frames', () => {
  expect(() => openInjector('dummy7', RECEIVE)).toThrow(
    expect.objectContaining({
      code: 'ERR_ENGINE_UNAVAILABLE',
      message: expect.stringContaining('has no live frames: they came with Linux 5.18.'),
    }),
  );
});

it('sends by AF_XDP', async () => {
  const before = await readLinkStats('vj');
  using injector = openInjector('vi');
  const frames = [60, 1000].map((length) => ({ ...TO_VETH, payload: new Uint8Array(length) }));
  const report = await injector.flood({ frames, count: 5000, engine: 'af-xdp' });
  expect(report).toMatchObject({ sent: 5000, refused: {}, bytes: 2500 * (74 + 1014) });
  expect((await readLinkStats('vj')).rxPackets - before.rxPackets).toBe(5000n);
  ip('link', 'set', 'dev', 'vj', 'mtu', '500');
  const refused = await injector.flood({ frames, count: 5000, engine: 'af-xdp' });
  ip('link', 'set', 'dev', 'vj', 'mtu', '1500');
  // Their bytes are an estimate on older kernels.
  expect(refused).toMatchObject({ sent: 2500, refused: { EBUSY: 2500 } });
});
