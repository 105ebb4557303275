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
import { ipv4Frame, SENDER, STRANGER, UNKNOWN_TYPE, unknownFrame } from '../support/frames.ts';
import { takeAll } from '../support/take.ts';

interface Filter {
  readonly by: string;
  readonly options: WatchOptions;
  /** What it lets pass. */
  readonly passes: readonly Passing[];
  /** A frame that it does not let pass; sent on `a` unless the next line says otherwise. */
  readonly stops: EthernetFrame;
  readonly stopsOn?: 'b' | 'lo';
}

/** A frame, what it is sent on, which interface drops it, and the EtherType that is told. */
interface Passing {
  readonly frame: EthernetFrame;
  readonly on: 'a' | 'lo';
  readonly by: 'b' | 'lo';
  readonly etherType: number;
}

const OTHER = '00:00:5e:00:53:03';

const FILTERS: readonly Filter[] = [
  {
    by: 'interface',
    options: { interface: 'b' },
    passes: [toB()],
    stops: unknownFrame(),
    stopsOn: 'lo',
  },
  {
    by: 'several interfaces',
    options: { interface: ['b', 'lo'] },
    passes: [toB(), { frame: unknownFrame(), on: 'lo', by: 'lo', etherType: UNKNOWN_TYPE }],
    stops: unknownFrame(),
    stopsOn: 'b', // and dropped by `a`
  },
  {
    by: 'source',
    options: { source: SENDER },
    passes: [toB()],
    stops: unknownFrame({ source: OTHER }),
  },
  {
    by: 'several sources, written as one may',
    options: { source: [SENDER, '00-00-5E-00-53-03'] },
    passes: [toB(), toB(unknownFrame({ source: OTHER }))],
    stops: unknownFrame({ source: STRANGER }),
  },
  {
    by: 'destination',
    options: { destination: B },
    passes: [toB()],
    stops: unknownFrame({ destination: STRANGER }),
  },
  {
    by: 'EtherType',
    options: { etherType: 0x4322 },
    passes: [toB(unknownFrame({ etherType: 0x4322 }))],
    stops: unknownFrame(),
  },
  {
    by: 'the EtherType behind a VLAN tag',
    options: { etherType: [0x4322, 0x4323] },
    passes: [toB(doubleTagged(0x4322), 0x4322), toB(unknownFrame({ etherType: 0x4323 }))],
    stops: doubleTagged(UNKNOWN_TYPE),
  },
  {
    by: 'reason',
    options: { reason: 'OTHERHOST' },
    passes: [toB(ipv4Frame({ destination: '192.0.2.1' }, { destination: STRANGER }))],
    stops: unknownFrame(),
  },
  {
    by: 'several reasons',
    options: { reason: ['SKB_DROP_REASON_OTHERHOST', 'UNHANDLED_PROTO'], scope: 'all' },
    passes: [toB(ipv4Frame({ destination: '192.0.2.1' }, { destination: STRANGER })), toB()],
    stops: ipv4Frame({ destination: '192.0.2.1', version: 5 }),
  },
  {
    by: 'all that is asked for at once',
    options: { source: SENDER, destination: B, etherType: 0x4321, reason: 'UNHANDLED_PROTO' },
    passes: [toB()],
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
    using a = openInjector('a');
    using lo = openInjector('lo');
    using other = openInjector(stopsOn);
    const injectors = { a, lo };
    await using drops = await watchDrops({ ...SMALL_RING, ...options });
    sendMany(other, stops, 500);
    for (const { frame, on } of passes) injectors[on].send(frame);
    await drops.close();
    const told = await takeAll(drops);
    expect(drops.lost).toEqual({ kernel: 0, queue: 0, output: 0 });
    expect(
      told.map(({ interface: on, source, destination, etherType }) => [
        on,
        source,
        destination,
        etherType,
      ]),
    ).toEqual(
      passes.map(({ frame: { source, destination }, by, etherType }) => [
        by,
        source,
        destination,
        etherType,
      ]),
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

/** A frame that is sent on `a`, and told as `etherType`. */
function toB(frame: EthernetFrame = unknownFrame(), etherType = frame.etherType ?? 0): Passing {
  return { frame, on: 'a', by: 'b', etherType };
}

/** The kernel takes the outer tag out of it; the inner one stays in line, before `etherType`. */
function doubleTagged(etherType: number): EthernetFrame {
  const payload = Buffer.from([0, 20, etherType >> 8, etherType & 0xff]);
  return unknownFrame({ vlan: { id: 10, protocol: 0x88a8 }, etherType: 0x8100, payload });
}
