import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { closed, DropscopeError, isRawSystemError } from '../errors.ts';
import { type EngineName, engineFailed, type PassedOver } from './engine.ts';
import {
  type FloodPlan,
  type FloodReport,
  type FloodTarget,
  type FloodWork,
  planFlood,
  RunningFlood,
} from './flood.ts';

/** The kernel frees a queue for the next AF_XDP socket some time after the last one was closed. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 10;

/** The floods of an injector. */
export class Floods {
  readonly #target: FloodTarget;
  readonly #running = new Set<RunningFlood>();
  #closed = false;

  constructor(target: FloodTarget) {
    this.#target = target;
  }

  /** As `flood` of an injector. */
  async run(plan: FloodPlan): Promise<FloodReport> {
    this.#checkOpen();
    const work = planFlood(plan, this.#target);
    const passedOver = [...work.passedOver];
    const last = work.engines.length - 1;
    for (const engine of work.engines.slice(0, last)) {
      try {
        return await this.#runBy(engine, work, plan, passedOver);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        passedOver.push({ engine, reason: error.message });
      }
    }
    return await this.#runBy(work.engines[last] ?? 'sendmmsg', work, plan, passedOver);
  }

  close(): void {
    this.#closed = true;
    for (const flood of this.#running) flood.close();
  }

  async #runBy(
    engine: EngineName,
    work: FloodWork,
    plan: FloodPlan,
    passedOver: readonly PassedOver[],
  ): Promise<FloodReport> {
    const giveUp = Date.now() + PATIENCE_MS;
    let flood = this.#begin(engine, work, plan, passedOver, giveUp);
    while (flood === undefined) {
      await sleep(PAUSE_MS);
      flood = this.#begin(engine, work, plan, passedOver, giveUp);
    }
    this.#running.add(flood);
    try {
      return await flood.report;
    } finally {
      this.#running.delete(flood);
    }
  }

  /** undefined: try again. */
  #begin(
    engine: EngineName,
    work: FloodWork,
    plan: FloodPlan,
    passedOver: readonly PassedOver[],
    giveUp: number,
  ): RunningFlood | undefined {
    // To read `frames`, or another one's report, may have done anything.
    this.#checkOpen();
    const { direction } = this.#target;
    const explain = (failure: Error) => this.#explain(failure, engine, work);
    try {
      return new RunningFlood(work.plan, plan, { engine, direction, passedOver, explain });
    } catch (error) {
      if (!isRawSystemError(error)) throw error;
      if (error.errno === constants.errno.EBUSY && Date.now() < giveUp) return undefined;
      throw isGone(error.errno)
        ? this.#target.explain(error, 0)
        : engineFailed(error, engine, this.#target.name(), work.plan.threads);
    }
  }

  #explain(failure: Error, engine: EngineName, { plan }: FloodWork): unknown {
    if (isRawSystemError(failure) && failure.errno === constants.errno.EOPNOTSUPP) {
      return engineFailed(failure, engine, this.#target.name(), plan.threads);
    }
    const longest = plan.lengths.reduce((one, other) => Math.max(one, other), 0);
    return this.#target.explain(failure, longest);
  }

  #checkOpen(): void {
    if (this.#closed) throw closed('injector');
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
