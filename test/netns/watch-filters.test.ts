import { beforeAll, expect, it } from 'vitest';
import {
  type EthernetFrame,
  type FrameInjector,
  openInjector,
  type WatchOptions,
  watchDrops,
} from '../../lib/index.ts';
import { stayOnCpu } from '../support/collect.ts';
import { B, vethScene } from '../support/drop-scene.ts';
import { ipv4Frame, SENDER, STRANGER, unknownFrame } from '../support/frames.ts';
import { takeAll } from '../support/take.ts';

interface Filter {
  readonly by: string;
  readonly options: WatchOptions;
  /** Frames that it lets pass, and one that it does not; sent on `a` unless they say otherwise. */
  readonly passes: readonly EthernetFrame[];
  readonly stops: EthernetFrame;
  readonly stopsOn?: 'b' | 'lo';
}

const OTHER = '00:00:5e:00:53:03';

const FILTERS: readonly Filter[] = [
  {
    by: 'interface',
    options: { interface: 'b' },
    passes: [unknownFrame()],
    stops: unknownFrame(),
    stopsOn: 'lo',
  },
  {
    by: 'several interfaces',
    options: { interface: ['b', 'lo'] },
    passes: [unknownFrame()],
    stops: unknownFrame(),
    stopsOn: 'b', // and dropped by `a`
  },
  {
    by: 'source',
    options: { source: SENDER },
    passes: [unknownFrame()],
    stops: unknownFrame({ source: OTHER }),
  },
  {
    by: 'several sources, written as one may',
    options: { source: [SENDER, '00-00-5E-00-53-03'] },
    passes: [unknownFrame(), unknownFrame({ source: OTHER })],
    stops: unknownFrame({ source: STRANGER }),
  },
  {
    by: 'destination',
    options: { destination: B },
    passes: [unknownFrame()],
    stops: unknownFrame({ destination: STRANGER }),
  },
  {
    by: 'EtherType',
    options: { etherType: 0x4322 },
    passes: [unknownFrame({ etherType: 0x4322 })],
    stops: unknownFrame(),
  },
  {
    by: 'the EtherType behind a VLAN tag',
    options: { etherType: [0x4322, 0x4323] },
    passes: [
      unknownFrame({ etherType: 0x4322, vlan: { id: 99 } }),
      unknownFrame({ etherType: 0x4323 }),
    ],
    stops: unknownFrame({ vlan: { id: 99 } }),
  },
  {
    by: 'reason',
    options: { reason: 'OTHERHOST' },
    passes: [ipv4Frame({ destination: '192.0.2.1' }, { destination: STRANGER })],
    stops: unknownFrame(),
  },
  {
    by: 'several reasons',
    options: { reason: ['SKB_DROP_REASON_OTHERHOST', 'UNHANDLED_PROTO'] },
    passes: [ipv4Frame({ destination: '192.0.2.1' }, { destination: STRANGER }), unknownFrame()],
    // It moves no counter, so scope 'counted' stops it.
    stops: ipv4Frame({ destination: '192.0.2.1', version: 5 }),
  },
  {
    by: 'all that is asked for at once',
    options: { source: SENDER, destination: B, etherType: 0x4321, reason: 'UNHANDLED_PROTO' },
    passes: [unknownFrame()],
    stops: unknownFrame({ destination: STRANGER }),
  },
];

/** Has room for a dozen records; and this thread, while it sends, does not empty it. */
const SMALL_RING = { ringBytes: 4096, headerBytes: 256 } as const;

beforeAll(async () => {
  stayOnCpu(0);
  await vethScene();
});

it.each(FILTERS.map((filter) => [filter.by, filter] as const))(
  'filters in the kernel by %s',
  async (_, { options, passes, stops, stopsOn = 'a' }) => {
    using injector = openInjector('a');
    using other = openInjector(stopsOn);
    await using drops = await watchDrops({ ...SMALL_RING, ...options });
    sendMany(other, stops, 500);
    for (const frame of passes) injector.send(frame);
    await drops.close();
    const told = await takeAll(drops);
    expect(drops.lost).toEqual({ kernel: 0, queue: 0 });
    expect(
      told.map(({ interface: on, source, destination, etherType }) => [
        on,
        source,
        destination,
        etherType,
      ]),
    ).toEqual(
      passes.map(({ source, destination, etherType }) => ['b', source, destination, etherType]),
    );
  },
);

it('loses drops by as many where nothing is filtered', async () => {
  using injector = openInjector('a');
  await using drops = await watchDrops(SMALL_RING);
  sendMany(injector, unknownFrame(), 500);
  await drops.close();
  expect(drops.lost.kernel).toBeGreaterThan(400);
  expect((await takeAll(drops)).length + drops.lost.kernel).toBe(500);
});

function sendMany(injector: FrameInjector, frame: EthernetFrame, count: number): void {
  for (let i = 0; i < count; i++) injector.send(frame);
}
