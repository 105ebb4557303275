import { EventEmitter } from 'node:events';
import type {
  DropBatch,
  DropEvent,
  DropTotals,
  LostEvent,
  ProbeName,
} from '../drops/drop-event.ts';
import type { DropSummary } from '../drops/drop-summary.ts';
import { closed, notDelivered, type ProbeError } from '../errors.ts';
import type { RunningProbe } from '../probes/probe.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { DropFeed } from './drop-feed.ts';
import type { DropLoop } from './drop-loop.ts';
import type { DropWatch, DropWatchEvents } from './drop-watch.ts';
import type { Ledger } from './ledger.ts';
import { OnceATurn } from './once-a-turn.ts';
import type { SummaryFeed } from './summary-feed.ts';

/** What a watch is made of. */
export interface WatchParts {
  /** What loops and listeners are told by. */
  readonly feed: DropFeed;
  /** Armed, and delivering to `summary` where there is one, else to `feed`. */
  readonly running: RunningProbe;
  readonly books: Pick<Bookkeeping, 'ledger' | 'since'>;
  /** Why better probes were passed over. */
  readonly passedOver: readonly ProbeError[];
  /** Where a summary is delivered, and how often it is told. */
  readonly summary: SummaryFeed | undefined;
  readonly everyMs: number | undefined;
  /** Called once, when the watch begins to close. */
  cleanUp(): void;
  /** Called once, when the probe is closed and nothing is asked any more. */
  release(): void;
}

/** The watch that `watchDrops` gives out: its probe is armed. */
export class OpenWatch extends EventEmitter implements DropWatch {
  readonly #feed: DropFeed;
  readonly #running: RunningProbe;
  readonly #parts: WatchParts;
  readonly #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;
  /** What is asked of the probe at this moment. */
  readonly #inquiries = new Set<Promise<unknown>>();
  // Whoever asks may be a listener, which is told a batch: the probe delivers no other one meanwhile.
  readonly #flushes: OnceATurn<void>;
  readonly #ledgers: OnceATurn<Ledger>;
  #tellsSummary = false;

  constructor(parts: WatchParts) {
    super();
    const { feed, running, summary, everyMs } = parts;
    this.#feed = feed;
    this.#running = running;
    this.#parts = parts;
    this.#flushes = new OnceATurn(() => running.flush());
    this.#ledgers = new OnceATurn(() => parts.books.ledger(running, this.lost));
    if (summary !== undefined) {
      // The probe keeps the process alive, as long as it is to be.
      const tell = () => this.#tellSummary().catch((error: Error) => this.fail(error));
      this.#timer = setInterval(() => void tell(), everyMs).unref();
    }
    super.on('newListener', (event) => {
      if (event === 'drop') this.#refuseInSummary();
      if (event === 'summary' && summary === undefined) {
        throw notDelivered('A summary is', "deliver: 'summary'");
      }
      // Only after this is the listener there. What comes first, a batch or this, tells what was kept.
      if (event === 'drop') queueMicrotask(() => feed.tellKept());
    });
    feed.listener = {
      wantsDrops: () => this.listenerCount('drop') > 0,
      drop: (event) => this.#emitSafely('drop', event),
      totals: (totals) => this.#tellTotals(totals),
      lost: (event) => this.#emitSafely('lost', event),
      failed: (error) => this.fail(error),
    };
  }

  get probe(): ProbeName {
    return this.#running.name;
  }

  get lost(): Readonly<Record<LostEvent['where'], number>> {
    return this.#feed.lostSoFar;
  }

  get passedOver(): readonly ProbeError[] {
    return this.#parts.passedOver;
  }

  /** Closed, it gives the last one. */
  async summary(): Promise<DropSummary> {
    const { summary, books } = this.#parts;
    if (summary === undefined) throw notDelivered('A summary is', "deliver: 'summary'");
    await (this.#closing ?? this.#flush());
    return summary.summary(this.probe, books.since);
  }

  async ledger(): Promise<Ledger> {
    if (this.#closing !== undefined) throw closed('watch');
    return this.#inquire(this.#ledgers);
  }

  batches(): DropLoop<DropBatch> {
    this.#refuseInSummary();
    return this.#feed.open((queue) => queue.takeBatch());
  }

  [Symbol.asyncIterator](): DropLoop<DropEvent> {
    this.#refuseInSummary();
    return this.#feed.open((queue) => queue.takeEvent());
  }

  ref(): this {
    if (this.#closing === undefined) this.#running.ref();
    return this;
  }

  unref(): this {
    if (this.#closing === undefined) this.#running.unref();
    return this;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Delivers the drops so far, then the error, and closes. */
  fail(error: Error): void {
    this.#failure ??= error;
    void this.close();
  }

  /** Throws `reason` out of every loop, and closes. */
  abort(reason: unknown): void {
    this.#feed.abort(reason);
    void this.close();
  }

  #flush(): Promise<void> {
    return this.#inquire(this.#flushes);
  }

  /** The probe stays open until there is an answer. */
  async #inquire<T>(inquiry: OnceATurn<T>): Promise<T> {
    const answer = inquiry.ask();
    this.#inquiries.add(answer);
    try {
      return await answer;
    } finally {
      this.#inquiries.delete(answer);
    }
  }

  #refuseInSummary(): void {
    if (this.#parts.summary !== undefined) {
      throw notDelivered('Single drops are', "deliver: 'drops'");
    }
  }

  async #tellSummary(): Promise<void> {
    // Asked for while the last one is not made yet, it would be late, too.
    if (this.#tellsSummary) return;
    this.#tellsSummary = true;
    try {
      // The kernel's tables have room for so long only. To list the talkers takes its time.
      if (this.listenerCount('summary') === 0) await this.#flush();
      else this.#emitSafely('summary', await this.summary());
    } finally {
      this.#tellsSummary = false;
    }
  }

  /** Where nobody listens to them, they are lost: a loop is told of single drops only. */
  #tellTotals(totals: DropTotals): void {
    if (this.listenerCount('totals') > 0) this.#emitSafely('totals', totals);
    else this.#feed.lost({ probe: totals.probe, count: totals.count, where: 'queue' });
  }

  async #close(): Promise<void> {
    // Whoever asked may be a listener, with more of its batch to come.
    await undefined;
    try {
      clearInterval(this.#timer);
      this.#parts.cleanUp();
      await Promise.allSettled(this.#inquiries);
      await this.#running.close();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#failure ??= error;
    } finally {
      this.#parts.release();
      this.#tellEnd(this.#failure);
    }
  }

  #tellEnd(error: Error | undefined): void {
    const told = this.#feed.end(error === undefined ? {} : { error });
    if (error !== undefined && !told) this.#emitSafely('error', error);
    this.#emitSafely('close');
  }

  /**
   * What a listener throws must not keep the drops that come next from anybody. This one is not told
   * to the listeners behind it: so it is with every EventEmitter.
   */
  #emitSafely<E extends keyof DropWatchEvents>(event: E, ...args: DropWatchEvents[E]): void {
    try {
      this.emit(event, ...args);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
