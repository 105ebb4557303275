import { invalidArgument } from '../errors.ts';
import type { EthernetFrame } from '../ethernet/frame.ts';
import { type Flood, type NativeFloodPlan, native } from '../native.ts';
import {
  chooseEngines,
  type Direction,
  ENGINE_NAMES,
  type EngineName,
  engineNumber,
  type PassedOver,
  planEngines,
  RECEIVE_ENGINES,
} from './engine.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { checkSendOptions, planRate, SendJob, type SentReport, sentReport } from './send-job.ts';
import type { SendPlan, SendStart, SendTarget } from './send-jobs.ts';
import { planVariation, type Variation } from './variation.ts';

/** What to send, how much of it, and how fast. */
export interface FloodPlan {
  /** One frame, again and again; or several in turns, which are read once, before the first is sent. */
  readonly frame?: EthernetFrame | Uint8Array | undefined;
  readonly frames?: Iterable<EthernetFrame | Uint8Array> | undefined;
  /** Fields that change from frame to frame, each by itself. Default: none. */
  readonly vary?: Variation | readonly Variation[] | undefined;
  /** How many frames to send, those refused included. One of this and `durationMs` is needed. */
  readonly count?: number | undefined;
  /** For how long to send, in milliseconds. */
  readonly durationMs?: number | undefined;
  /**
   * How many frames a second, on average: frames that fall due within 100 us go out together, at most 256,
   * and what was late is made up for. Default: as fast as it goes.
   */
  readonly framesPerSecond?: number | undefined;
  /** How many threads send, 1 to 64. With more than one, frames may overtake each other. Default: 1. */
  readonly threads?: number | undefined;
  /**
   * How to send; of several, the first that works here. To begin and to end live frames takes some 50 ms.
   * Default: 'sendmmsg'.
   */
  readonly engine?: EngineName | readonly EngineName[] | undefined;
  /** Ends the flood within 100 ms; then it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told each second how far it is, and once more at its end, however it ends. What it throws ends the
   * flood, which rejects with it.
   */
  readonly onProgress?: ((report: FloodReport) => void) | undefined;
}

/** What a flood has sent. */
export interface FloodReport extends SentReport {
  /**
   * Of live frames that are sent: the interface's counter before the flood, and now, by `readLinkStats`. It must
   * count the first of them, or the engine is not trusted. It counts what others send meanwhile, too.
   */
  readonly verified?: {
    readonly counter: 'tx_packets';
    readonly before: bigint;
    readonly after: bigint;
  };
}

/** The names, so that a misspelt one is refused. */
const OPTIONS: Readonly<Record<keyof FloodPlan, true>> = {
  frame: true,
  frames: true,
  vary: true,
  count: true,
  durationMs: true,
  framesPerSecond: true,
  threads: true,
  engine: true,
  signal: true,
  onProgress: true,
};

const MOST_FRAMES = 1_000_000;

/** ArgumentError for a plan that is no use, before anything is sent. */
export function planFlood(plan: FloodPlan, target: SendTarget): SendPlan<FloodReport> {
  checkSendOptions(plan, Object.keys(OPTIONS), 'plan');
  if (plan.frames !== undefined && !isIterable(plan.frames)) {
    throw invalidArgument('plan.frames', 'an iterable of frames', plan.frames);
  }
  const { count, durationMs, framesPerSecond, threads = 1, vary = [] } = plan;
  if (count === undefined && durationMs === undefined) {
    const mend = 'Without an end it would send for ever.';
    throw invalidArgument('plan', 'a count or durationMs', plan, mend);
  }
  const limits = {
    count: count === undefined ? 0 : integer(count, 'plan.count', 1, Number.MAX_SAFE_INTEGER),
    durationNs: Math.ceil(1e6 * number(durationMs, 'plan.durationMs', 1e9)),
    framesPerSecond: planRate(framesPerSecond, 'plan.framesPerSecond'),
    threads: integer(threads, 'plan.threads', 1, 64),
  };
  const frames = encodeAll(plan, target.ownAddress);
  const variations = isList(vary) ? vary : [vary];
  const able = target.direction === 'transmit' ? ENGINE_NAMES : RECEIVE_ENGINES;
  const wanted = planEngines(plan.engine, able, 'plan.engine');
  const native: NativeFloodPlan = {
    ...limits,
    engine: 0,
    ifindex: target.ifindex,
    networkNamespace: target.networkNamespace,
    packed: Buffer.concat(frames),
    lengths: Uint32Array.from(frames, ({ length }) => length),
    fields: variations.map((variation, index) =>
      planVariation(variation, frames, isList(vary) ? `plan.vary[${index}]` : 'plan.vary'),
    ),
  };
  const { engines, passedOver } = chooseEngines(wanted, native);
  return {
    engines,
    passedOver,
    threads: native.threads,
    longest: native.lengths.reduce((one, other) => Math.max(one, other), 0),
    begin: (start) => startFlood(native, plan, target.direction, start),
  };
}

function startFlood(
  plan: NativeFloodPlan,
  { signal, onProgress }: FloodPlan,
  direction: Direction,
  { engine, passedOver, explain }: SendStart,
): SendJob<FloodReport> {
  signal?.throwIfAborted();
  let onEnd = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  const { Flood } = native();
  const flood = new Flood({ ...plan, engine: engineNumber(engine, direction) }, onEnd);
  const read = () => {
    const progress = flood.progress();
    return { failure: progress.failure, report: toReport(progress, engine, passedOver) };
  };
  return new SendJob({ native: flood, ended, read, signal, onProgress, explain });
}

function toReport(
  { verified, ...progress }: ReturnType<Flood['progress']>,
  engine: EngineName,
  passedOver: readonly PassedOver[],
): FloodReport {
  const sent = sentReport(progress, engine, passedOver);
  if (verified === undefined) return sent;
  const [before, after] = verified;
  return { ...sent, verified: { counter: 'tx_packets', before, after } };
}

function encodeAll({ frame, frames }: FloodPlan, ownAddress: () => Uint8Array): Uint8Array[] {
  if ((frame === undefined) === (frames === undefined)) {
    throw invalidArgument('plan', 'a frame or frames', { frame, frames }, 'It needs one of them.');
  }
  const buffer = new FrameBuffer();
  const all: Uint8Array[] = [];
  const address = once(ownAddress);
  for (const one of frames ?? (frame === undefined ? [] : [frame])) {
    if (all.length === MOST_FRAMES) {
      throw invalidArgument('plan.frames', `at most ${MOST_FRAMES} frames`, frames);
    }
    const length = buffer.write(one, 0, address);
    all.push(buffer.bytes.slice(0, length));
  }
  if (all.length === 0) throw invalidArgument('plan.frames', 'at least one frame', frames);
  return all;
}

function once<T>(ask: () => T): () => T {
  let answer: { readonly value: T } | undefined;
  return () => {
    answer ??= { value: ask() };
    return answer.value;
  };
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function integer(value: number, argument: string, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidArgument(argument, `an integer from ${least} to ${most}`, value);
}

/** 0 where it is not given. */
function number(value: number | undefined, argument: string, most: number): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && value > 0 && value <= most) return value;
  throw invalidArgument(argument, `a number above 0, at most ${most}`, value);
}
