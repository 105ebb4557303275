import type { EventEmitter } from 'node:events';
import type {
  DropBatch,
  DropEvent,
  DropTotals,
  LostEvent,
  ProbeName,
} from '../drops/drop-event.ts';
import type { DropSummary } from '../drops/drop-summary.ts';
import type { ProbeError } from '../errors.ts';
import type { Ledger } from './ledger.ts';

/** The events of a watch, and what their listeners are given. */
export interface DropWatchEvents {
  /** A frame was dropped. */
  drop: [drop: DropEvent];
  /** Drops that the probe does not tell each: too many for SystemTap, or seen by counters only. */
  totals: [totals: DropTotals];
  /** With `deliver: 'summary'`, every `everyMs`: the drops since the watch was armed, by talker. */
  summary: [summary: DropSummary];
  /** Drops were seen and could not be delivered. */
  lost: [lost: LostEvent];
  /**
   * The watch cannot go on and closes. Told here only when no loop is open to tell it to, and not
   * for an abort.
   */
  error: [error: Error];
  /** Listeners were told everything and what was open is freed; loops may still read. The last event. */
  close: [];
}

/**
 * A running observation of drops, made by `watchDrops`. Listeners of 'drop' and loops each see every
 * drop from when they came. While there is neither, up to `queueLimit` drops wait for the first of
 * them; so they also do between two loops. A loop that is slow is given the oldest: what comes while
 * `queueLimit` drops wait for it is counted as lost.
 *
 * Close ends a loop when it has read what waits, abort throws `signal.reason` out of it at once,
 * break only leaves it. Listeners are told the drops from before an abort, too, and then 'close'. A
 * loop is open from when its iterator was made, read or not, until it ends or is left. An open watch
 * keeps the process alive.
 *
 * What a listener throws is an uncaught exception, as with every EventEmitter; if the process goes
 * on, so does the watch, with the next drop.
 */
export interface DropWatch extends EventEmitter, AsyncIterable<DropEvent>, AsyncDisposable {
  /** The probe that is at work. */
  readonly probe: ProbeName;

  /** Why the probes that come before it could not be used. */
  readonly passedOver: readonly ProbeError[];

  /** Drops seen and not delivered so far: the sum of the 'lost' events, by where. */
  readonly lost: Readonly<Record<LostEvent['where'], number>>;

  /**
   * The drops so far by talker; of a watch that was closed, all of them. ArgumentError without
   * `deliver: 'summary'`.
   */
  summary(): Promise<DropSummary>;

  /**
   * Holds the link counters against the drops that were told: what counters counted since the watch was
   * armed, and whose it is. It is made in the next turn of the event loop, one for all who ask for it
   * until then. Rejects with ERR_CLOSED when the watch is closed.
   */
  ledger(): Promise<Ledger>;

  /** The drops in the batches in which they come: cheaper than one by one, above 100,000 a second. */
  batches(): AsyncIterableIterator<DropBatch>;

  /** The drops, one by one. */
  [Symbol.asyncIterator](): AsyncIterableIterator<DropEvent>;

  /** Keeps the process alive while the watch is open, which is the default. */
  ref(): this;

  /** Lets the process end while the watch is open. */
  unref(): this;

  /**
   * Stops. Resolves when listeners were told the drops from before and what was open is freed; loops
   * still read what waits for them. May be called from a listener and more than once.
   */
  close(): Promise<void>;

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;

  // As in EventEmitter, but a misspelt event does not compile.
  on<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  once<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  off<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  addListener<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  removeListener<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  prependListener<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  prependOnceListener<E extends keyof DropWatchEvents>(
    event: E,
    listener: (...args: DropWatchEvents[E]) => void,
  ): this;
  emit<E extends keyof DropWatchEvents>(event: E, ...args: DropWatchEvents[E]): boolean;
}
