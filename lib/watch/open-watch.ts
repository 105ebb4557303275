import { EventEmitter } from 'node:events';
import type {
  DropBatch,
  DropEvent,
  DropTotals,
  LostEvent,
  ProbeName,
} from '../drops/drop-event.ts';
import type { RunningProbe } from '../probes/probe.ts';
import type { DropFeed } from './drop-feed.ts';
import type { DropLoop } from './drop-loop.ts';
import type { DropWatch, DropWatchEvents } from './drop-watch.ts';

/** The watch that `watchDrops` gives out: its probe is armed and delivers to its feed. */
export class OpenWatch extends EventEmitter implements DropWatch {
  readonly #feed: DropFeed;
  readonly #running: RunningProbe;
  readonly #cleanUp: () => void;
  #closing: Promise<void> | undefined;
  #failure: Error | undefined;

  /** `cleanUp` is called once, when the watch closes. */
  constructor(feed: DropFeed, running: RunningProbe, cleanUp: () => void) {
    super();
    this.#feed = feed;
    this.#running = running;
    this.#cleanUp = cleanUp;
    super.on('newListener', (event) => {
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

  batches(): DropLoop<DropBatch> {
    return this.#feed.open((queue) => queue.takeBatch());
  }

  [Symbol.asyncIterator](): DropLoop<DropEvent> {
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

  /** Where nobody listens to them, they are lost: a loop is told of single drops only. */
  #tellTotals(totals: DropTotals): void {
    if (this.listenerCount('totals') > 0) this.#emitSafely('totals', totals);
    else this.#feed.lost({ probe: totals.probe, count: totals.count, where: 'queue' });
  }

  async #close(): Promise<void> {
    // Whoever asked may be a listener, with more of its batch to come.
    await undefined;
    try {
      this.#cleanUp();
      await this.#running.close();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#failure ??= error;
    } finally {
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
