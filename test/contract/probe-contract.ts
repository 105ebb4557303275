import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DropEvent,
  type DropTotals,
  type DropWatch,
  type EthernetFrame,
  injectFrame,
  type ProbeName,
  readLinkStats,
  type WatchOptions,
  watchDrops,
} from '../../dist/index.js';
import { countDescriptors, descriptorsBackTo } from '../support/resources.ts';

/** What a probe can see. */
interface Sight {
  /** Single frames, by whom they were sent; else only how many. */
  readonly frames: boolean;
  /** The counter that each moved, before and after. */
  readonly counter: boolean;
  /** Why; where the kernel says so. */
  readonly reason: boolean;
  /** Where. */
  readonly location: boolean;
  /** Drops that moved no counter. */
  readonly uncounted: boolean;
  /** The ledger attributes what it tells. */
  readonly attributes: boolean;
}

/** The differences between the probes. */
const SIGHT: Readonly<Record<ProbeName, Sight>> = {
  ebpf: {
    frames: true,
    counter: true,
    reason: true,
    location: true,
    uncounted: true,
    attributes: true,
  },
  systemtap: {
    frames: true,
    counter: true,
    reason: false,
    location: false,
    uncounted: false,
    attributes: true,
  },
  'drop-monitor': {
    frames: true,
    counter: false,
    reason: true,
    location: true,
    uncounted: true,
    attributes: true,
  },
  counters: {
    frames: false,
    counter: false,
    reason: false,
    location: false,
    uncounted: false,
    attributes: false,
  },
};

const FRAME: EthernetFrame = {
  source: '00:00:5e:00:53:c0',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
};

/** Where and how the suite runs. */
export interface ContractOptions {
  /** What else the probe is opened with. */
  readonly options?: WatchOptions;
  /** Whether this kernel has drop reasons: since 5.17. */
  readonly hasReasons: boolean;
}

/** What holds of every probe. `lo` is up, and nobody else sends on it. */
export function testProbe(probe: ProbeName, { options = {}, hasReasons }: ContractOptions): void {
  const sees = SIGHT[probe];
  const open = (more: WatchOptions = {}) =>
    watchDrops({ ...options, interface: 'lo', ...more, probe });

  describe(`the ${probe} probe`, () => {
    beforeAll(async () => {
      // What is opened once for all is open then.
      const drops = await open();
      await injectFrame('lo', FRAME);
      await injectFrame('lo', FRAME);
      await drops.close();
    });

    it('tells each frame that is dropped once it is armed, and no more', async () => {
      const before = await dropped();
      const drops = await open();
      const told = listen(drops);
      for (let i = 0; i < 20; i++) await injectFrame('lo', FRAME);
      await drops.close();
      expect(told.count()).toBe(20);
      expect(await dropped()).toBe(before + 20n);
      expect(drops.lost).toEqual({ kernel: 0, queue: 0, output: 0 });
      expect(drops.probe).toBe(probe);
      expect(drops.passedOver).toEqual([]);
    });

    it('tells what it can see of a drop, and leaves out what it cannot', async () => {
      const before = await dropped();
      const drops = await open();
      const { events, totals } = listen(drops);
      await injectFrame('lo', FRAME);
      await drops.close();
      const place = { probe, interface: 'lo', ifindex: 1, netns: expect.any(Number) };
      if (!sees.frames) {
        expect(totals).toEqual([{ ...place, count: 1, counter: 'rx_dropped' }]);
        return;
      }
      expect(totals).toEqual([]);
      expect(events).toEqual([expect.objectContaining({ ...place, ...FRAME, length: 60 })]);
      const [event] = events;
      expect(event?.counter).toEqual(
        sees.counter ? { name: 'rx_dropped', before, after: before + 1n } : undefined,
      );
      expect(event?.reason).toBe(sees.reason && hasReasons ? 'UNHANDLED_PROTO' : undefined);
      expect(event?.location).toBe(sees.location ? '__netif_receive_skb_core' : undefined);
      expect(Math.abs(Number(event?.time) - Date.now())).toBeLessThan(60_000);
      expect(process.hrtime.bigint() - (event?.timestampNs ?? 0n)).toBeLessThan(60_000_000_000n);
      expect(Buffer.from(event?.header ?? []).toString('hex')).toMatch(/^0{12}00005e0053c04321/);
    });

    it('lets pass what the filters let pass, or says that it cannot', async () => {
      const filter = { source: '00:00:5e:00:53:c1', etherType: 0x4322 };
      if (!sees.frames) {
        await expect(open(filter)).rejects.toMatchObject({ name: 'ProbeError', probe });
        return;
      }
      const drops = await open(filter);
      const { events } = listen(drops);
      await injectFrame('lo', FRAME);
      await injectFrame('lo', { ...FRAME, ...filter });
      await injectFrame('lo', { ...FRAME, etherType: 0x4322 });
      await drops.close();
      expect(events.map(({ source, etherType }) => ({ source, etherType }))).toEqual([filter]);
    });

    it('sees every drop, or says that it cannot', async () => {
      const opened = open({ scope: 'all' });
      if (!sees.uncounted) {
        await expect(opened).rejects.toMatchObject({ name: 'ProbeError', probe });
        return;
      }
      await (await opened).close();
    });

    it('keeps a ledger that adds up', async () => {
      const drops = await open();
      listen(drops);
      for (let i = 0; i < 10; i++) await injectFrame('lo', FRAME);
      const { rows } = await drops.ledger();
      await drops.close();
      const attributed = sees.attributes ? 10n : 0n;
      expect(rows).toMatchObject([
        {
          interface: 'lo',
          counter: 'rx_dropped',
          counted: 10n,
          attributed,
          lost: 0n,
          unattributed: 10n - attributed,
        },
      ]);
    });

    it('sums up by talker what it sees', async () => {
      const drops = await open({ deliver: 'summary' });
      for (let i = 0; i < 10; i++) {
        await injectFrame('lo', { ...FRAME, source: i < 7 ? '00:00:5e:00:53:c1' : FRAME.source });
      }
      await drops.close();
      const { drops: count, talkers, others } = await drops.summary();
      expect(count).toBe(10);
      const counts = talkers.map(({ source, count: many, missing }) => [source, many, missing]);
      expect({ counts, others }).toEqual(
        sees.frames
          ? {
              counts: [
                ['00:00:5e:00:53:c1', 7, 0],
                [FRAME.source, 3, 0],
              ],
              others: 0,
            }
          : { counts: [], others: 10 },
      );
    });

    it('ends by an abort, whose reason it throws', async () => {
      const controller = new AbortController();
      const drops = await open({ signal: controller.signal });
      const loop = drops[Symbol.asyncIterator]().next();
      controller.abort(new Error('enough'));
      await expect(loop).rejects.toThrow('enough');
      await drops.close();
    });

    it('may be closed twice, and leaves nothing open', async () => {
      const before = countDescriptors();
      const drops = await open();
      await Promise.all([drops.close(), drops.close()]);
      await descriptorsBackTo(before);
    });
  });
}

interface Told {
  readonly events: DropEvent[];
  readonly totals: DropTotals[];
  /** How many drops that are. */
  count(): number;
}

function listen(drops: DropWatch): Told {
  const events: DropEvent[] = [];
  const totals: DropTotals[] = [];
  drops.on('drop', (drop) => events.push(drop));
  drops.on('totals', (sum) => totals.push(sum));
  return {
    events,
    totals,
    count: () => events.length + totals.reduce((all, { count }) => all + count, 0),
  };
}

async function dropped(): Promise<bigint> {
  return (await readLinkStats('lo')).rxDropped;
}
