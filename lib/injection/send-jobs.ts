import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { closed, DropscopeError, isRawSystemError } from '../errors.ts';
import { type Direction, type EngineName, engineFailed, type PassedOver } from './engine.ts';
import type { SendJob } from './send-job.ts';

/** The interface that frames go out of, or come in by. */
export interface SendTarget {
  readonly ifindex: number;
  readonly networkNamespace: string | undefined;
  readonly direction: Direction;
  readonly ownAddress: () => Uint8Array;
  /** Its present name, or what it was opened by. */
  readonly name: () => string | number;
  /** What to throw when the kernel refused a frame of so many bytes. */
  readonly explain: (failure: Error, length: number) => unknown;
}

/** What is to be sent, and by which engines it may be: one at least, tried in their order. */
export interface SendPlan<Report extends { readonly sent: number }> {
  readonly engines: readonly [EngineName, ...EngineName[]];
  /** Those that cannot send it. */
  readonly passedOver: readonly PassedOver[];
  readonly threads: number;
  /** Bytes of the longest frame; 0: unknown. */
  readonly longest: number;
  /** RawSystemError when the engine cannot be had. */
  readonly begin: (start: SendStart) => SendJob<Report>;
}

/** How it is begun. */
export interface SendStart {
  readonly engine: EngineName;
  readonly passedOver: readonly PassedOver[];
  /** What to throw when the kernel refused a frame. */
  readonly explain: (failure: Error) => unknown;
}

/** The kernel frees a queue for the next AF_XDP socket some time after the last one was closed. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 10;

/** The floods and replays of an injector. */
export class SendJobs {
  readonly #target: SendTarget;
  readonly #running = new Set<{ close(): void }>();
  #closed = false;

  constructor(target: SendTarget) {
    this.#target = target;
  }

  /** Sends by the first engine that works. */
  async run<Report extends { readonly sent: number }>(plan: SendPlan<Report>): Promise<Report> {
    const passedOver = [...plan.passedOver];
    const [first, ...others] = plan.engines;
    let engine = first;
    for (const next of others) {
      try {
        return await this.#runBy(engine, plan, passedOver);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        passedOver.push({ engine, reason: error.message });
        engine = next;
      }
    }
    return await this.#runBy(engine, plan, passedOver);
  }

  close(): void {
    this.#closed = true;
    for (const job of this.#running) job.close();
  }

  async #runBy<Report extends { readonly sent: number }>(
    engine: EngineName,
    plan: SendPlan<Report>,
    passedOver: readonly PassedOver[],
  ): Promise<Report> {
    const start: SendStart = {
      engine,
      passedOver,
      explain: (failure) => this.#explain(failure, engine, plan),
    };
    const giveUp = performance.now() + PATIENCE_MS;
    let job = this.#begin(plan, start, giveUp);
    while (job === undefined) {
      await sleep(PAUSE_MS);
      job = this.#begin(plan, start, giveUp);
    }
    this.#running.add(job);
    try {
      return await job.report;
    } finally {
      this.#running.delete(job);
    }
  }

  /** undefined: try again. */
  #begin<Report extends { readonly sent: number }>(
    plan: SendPlan<Report>,
    start: SendStart,
    giveUp: number,
  ): SendJob<Report> | undefined {
    // What made the plan, or was waited for, may have done anything.
    if (this.#closed) throw closed('injector');
    try {
      return plan.begin(start);
    } catch (error) {
      if (!isRawSystemError(error)) throw error;
      if (error.errno === constants.errno.EBUSY && performance.now() < giveUp) return undefined;
      throw isGone(error.errno)
        ? this.#target.explain(error, 0)
        : engineFailed(error, start.engine, this.#target.name(), plan.threads);
    }
  }

  #explain(
    failure: Error,
    engine: EngineName,
    { threads, longest }: { readonly threads: number; readonly longest: number },
  ): unknown {
    if (isRawSystemError(failure) && failure.errno === constants.errno.EOPNOTSUPP) {
      return engineFailed(failure, engine, this.#target.name(), threads);
    }
    return this.#target.explain(failure, longest);
  }
}

/** An engine could not be had, and nothing was sent by it. */
function isUnavailable(error: unknown): error is DropscopeError {
  if (!(error instanceof DropscopeError) || (error.sent ?? 0) > 0) return false;
  return error.code === 'ERR_ENGINE_UNAVAILABLE' || error.code === 'ERR_PERMISSION';
}

function isGone(errno: number): boolean {
  return errno === constants.errno.ENODEV || errno === constants.errno.ENXIO;
}
