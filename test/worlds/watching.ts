import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type DropEvent,
  type DropWatch,
  type Ledger,
  type WatchOptions,
  watchDrops,
} from '../../dist/index.js';
import type { PeerNamespace } from '../support/namespace.ts';
import { readCounters, settledCounters } from './counters.ts';
import { frameNumber } from './frames.ts';
import type {
  Counters,
  ObservedDrop,
  ObservedLedger,
  ObservedRow,
  ObservedWatch,
} from './observed.ts';
import type { WatchStep } from './world.ts';

/** How often a watch that sums up tells. */
const EVERY_MS = 50;

/** A watch of a world, and what it reported. */
export class Watching {
  readonly #watch: DropWatch;
  readonly #there: PeerNamespace;
  readonly #start: Pick<ObservedWatch, 'name' | 'armedAt' | 'isMidTraffic' | 'before' | 'armed'>;
  readonly #drops: ObservedDrop[] = [];
  readonly #ledgers: ObservedLedger[] = [];
  readonly #errors: string[] = [];
  readonly #reading: Promise<void>;
  readonly #isSummary: boolean;

  private constructor(watch: DropWatch, there: PeerNamespace, step: WatchStep, start: Start) {
    this.#watch = watch;
    this.#there = there;
    this.#isSummary = step.reader === 'summary';
    this.#start = { name: step.name, ...start };
    watch.on('error', (error) => this.#errors.push(String(error)));
    this.#reading = this.#read(step).catch((error) => {
      this.#errors.push(String(error));
    });
  }

  static async arm(
    step: WatchStep,
    options: WatchOptions,
    there: PeerNamespace,
    start: Omit<Start, 'before' | 'armed'>,
  ): Promise<Watching> {
    const before = readCounters(there);
    const watch = await watchDrops({
      probe: 'ebpf',
      scope: step.scope,
      headerBytes: step.headerBytes,
      ringBytes: step.ringBytes,
      queueLimit: step.queueLimit,
      ...(step.reader === 'summary' && { deliver: 'summary' as const, everyMs: EVERY_MS }),
      ...(step.etherTypes !== undefined && { etherType: step.etherTypes }),
      ...options,
    });
    const armed = readCounters(there);
    return new Watching(watch, there, step, { ...start, before, armed });
  }

  /** Asks for the ledger, and keeps the counters around it; not of a watch that has failed. */
  async ledger({
    isAtRest,
    openTaps,
  }: Pick<ObservedLedger, 'isAtRest' | 'openTaps'>): Promise<void> {
    const before = await this.#counters(isAtRest);
    try {
      const { rows, taps } = await this.#watch.ledger();
      this.#ledgers.push({
        before,
        rows: rows.map(observedRow),
        after: readCounters(this.#there),
        isAtRest,
        openTaps,
        taps: taps.map(({ interface: on = '', etherType, hides }) => ({
          on,
          etherType,
          hides: hides[on],
        })),
      });
    } catch (error) {
      if (this.#errors.length === 0) this.#errors.push(`ledger(): ${error}`);
    }
  }

  /** Ends the watch. Gives all that it reported. */
  async close(closedAt: number): Promise<ObservedWatch> {
    await this.#watch.close();
    const closed = readCounters(this.#there);
    await this.#reading;
    return {
      ...this.#start,
      closedAt,
      closed,
      ledgers: this.#ledgers,
      drops: this.#drops,
      ...(this.#isSummary ? await this.#sums() : { sums: {}, others: 0 }),
      lost: this.#watch.lost,
      errors: this.#errors,
    };
  }

  async #counters(isAtRest: boolean): Promise<Counters> {
    return isAtRest ? await settledCounters(this.#there) : readCounters(this.#there);
  }

  async #read({ reader }: WatchStep): Promise<void> {
    switch (reader) {
      case 'listener':
        this.#watch.on('drop', (drop) => this.#drops.push(observedDrop(drop)));
        return;
      case 'summary':
        this.#watch.on('summary', () => {});
        return;
      case 'loop':
        for await (const drop of this.#watch) this.#drops.push(observedDrop(drop));
        return;
      case 'batches':
        for await (const batch of this.#watch.batches()) {
          for (const drop of batch) this.#drops.push(observedDrop(drop));
          await nextTurn();
        }
    }
  }

  async #sums(): Promise<Pick<ObservedWatch, 'sums' | 'others'>> {
    const sums: Record<string, number> = {};
    const { talkers, others } = await this.#watch.summary();
    for (const { netns, ifindex, counter, count } of talkers) {
      if (counter === undefined) continue;
      const key = `${netns} ${ifindex} ${counter}`;
      sums[key] = (sums[key] ?? 0) + count;
    }
    return { sums, others };
  }
}

type Start = Omit<Pick<ObservedWatch, 'armedAt' | 'isMidTraffic' | 'before' | 'armed'>, 'name'>;

function observedDrop(drop: DropEvent): ObservedDrop {
  const { netns, ifindex, cpu, etherType, reason, location, counter, header } = drop;
  return {
    link: `${netns} ${ifindex}`,
    cpu: cpu ?? 0,
    etherType,
    reason,
    location,
    ...(counter !== undefined && {
      counter: counter.name,
      before: Number(counter.before),
      after: Number(counter.after),
    }),
    number: frameNumber(header),
  };
}

function observedRow(row: Ledger['rows'][number]): ObservedRow {
  return {
    link: `${row.netns} ${row.ifindex}`,
    name: row.interface,
    counter: row.counter,
    counted: Number(row.counted),
    attributed: Number(row.attributed),
    filtered: Number(row.filtered),
    lost: Number(row.lost),
    inFlight: Number(row.inFlight),
    unattributed: Number(row.unattributed),
    causes: row.causes.map(({ kind, amount, text }) => ({
      kind,
      text,
      ...(amount !== undefined && { amount: Number(amount) }),
    })),
  };
}
