import { closed, errnoName, invalidArgument } from '../errors.ts';
import type { EthernetFrame } from '../ethernet/frame.ts';
import { type Flood, type NativeFloodPlan, native } from '../native.ts';
import {
  type Direction,
  type EngineName,
  engineNumber,
  type PassedOver,
  planEngines,
  tooMuchFor,
} from './engine.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { stoppedAfter } from './send-errors.ts';
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
  /** How to send; of several, the first that works here. Default: 'sendmmsg'. */
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
export interface FloodReport {
  /** How it sends. */
  readonly engine: EngineName;
  /** Engines that were to come first, and why they cannot be had. */
  readonly passedOver: readonly PassedOver[];
  /**
   * Frames that the kernel took, which does not mean that they arrived; of live frames that are sent, those
   * that the interface's own counter counts.
   */
  readonly sent: number;
  /**
   * Of live frames that are sent: the interface's counter before the flood, and now, by `readLinkStats`. It
   * counts what others send meanwhile, too.
   */
  readonly verified?: {
    readonly counter: 'tx_packets';
    readonly before: bigint;
    readonly after: bigint;
  };
  /**
   * Frames that it refused, by errno. 'sendmmsg' counts a full queue as ENOBUFS, 'af-xdp' as EBUSY; of live
   * frames, ENOBUFS are those that the counter did not count.
   */
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes of the frames that were sent. */
  readonly bytes: number;
  readonly durationMs: number;
  /** `sent` over the duration. */
  readonly framesPerSecond: number;
}

/** On which interface to send, or to receive. */
export interface FloodTarget {
  readonly ifindex: number;
  readonly networkNamespace: string | undefined;
  readonly direction: Direction;
  readonly ownAddress: () => Uint8Array;
  /** Its present name, or what it was opened by. */
  readonly name: () => string | number;
  /** What to throw when the kernel refused a frame of so many bytes. */
  readonly explain: (failure: Error, length: number) => unknown;
}

/** What to send, and by which engines it may be sent: one at least. */
export interface FloodWork {
  readonly plan: NativeFloodPlan;
  readonly engines: readonly EngineName[];
  readonly passedOver: readonly PassedOver[];
}

const PROGRESS_MS = 1000;

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
export function planFlood(plan: FloodPlan, target: FloodTarget): FloodWork {
  checkShape(plan);
  const { count, durationMs, framesPerSecond, threads = 1, vary = [] } = plan;
  if (count === undefined && durationMs === undefined) {
    const mend = 'Without an end it would send for ever.';
    throw invalidArgument('plan', 'a count or durationMs', plan, mend);
  }
  const limits = {
    count: count === undefined ? 0 : integer(count, 'plan.count', 1, Number.MAX_SAFE_INTEGER),
    durationNs: Math.ceil(1e6 * number(durationMs, 'plan.durationMs', 1e9)),
    framesPerSecond: number(framesPerSecond, 'plan.framesPerSecond', 1e9),
    threads: integer(threads, 'plan.threads', 1, 64),
  };
  const frames = encodeAll(plan, target.ownAddress);
  const variations = isList(vary) ? vary : [vary];
  const wanted = planEngines(plan.engine, target.direction);
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
  const passedOver: PassedOver[] = [];
  const engines: EngineName[] = [];
  for (const engine of wanted) {
    const limit = tooMuchFor(engine, native);
    if (limit === undefined) engines.push(engine);
    else passedOver.push({ engine, reason: `${engine} takes ${limit}.` });
  }
  if (engines.length > 0) return { plan: native, engines, passedOver };
  const why = passedOver.map(({ reason }) => reason).join(' ');
  throw invalidArgument('plan.engine', 'an engine that can do this', plan.engine ?? wanted[0], why);
}

/** How a flood is begun. */
export interface FloodStart {
  readonly engine: EngineName;
  readonly direction: Direction;
  readonly passedOver: readonly PassedOver[];
  /** What to throw when the kernel refused a frame. */
  readonly explain: (failure: Error) => unknown;
}

/** A flood under way. */
export class RunningFlood {
  /** As `flood` of an injector gives it. */
  readonly report: Promise<FloodReport>;
  readonly #flood: Flood;
  readonly #start: FloodStart;
  #stoppedBy: { readonly reason: unknown } | undefined;

  /** Begins. RawSystemError when the engine cannot be had. */
  constructor(plan: NativeFloodPlan, options: FloodPlan, start: FloodStart) {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    let onEnd = () => {};
    const ended = new Promise<void>((resolve) => {
      onEnd = resolve;
    });
    const { Flood } = native();
    this.#start = start;
    const engine = engineNumber(start.engine, start.direction);
    this.#flood = new Flood({ ...plan, engine }, onEnd);
    const tell = () => {
      try {
        onProgress?.(this.#progress());
      } catch (error) {
        this.#stop(error);
      }
    };
    const timer = setInterval(tell, PROGRESS_MS).unref();
    const abort = () => this.#stop(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.report = ended
      .then(() => {
        const report = this.#progress();
        const end = this.#howItEnded(report);
        onProgress?.(report);
        if (end !== undefined) throw end.reason;
        return report;
      })
      .finally(() => {
        clearInterval(timer);
        signal?.removeEventListener('abort', abort);
        this.#flood.close();
      });
  }

  /** It rejects with ERR_CLOSED. */
  close(): void {
    this.#stop(closed('injector'));
  }

  #stop(reason: unknown): void {
    this.#stoppedBy ??= { reason };
    this.#flood.stop();
  }

  /** undefined: all was sent. */
  #howItEnded({ sent }: FloodReport): { readonly reason: unknown } | undefined {
    const { failure } = this.#flood.progress();
    if (failure !== undefined) return { reason: stoppedAfter(sent, this.#start.explain(failure)) };
    return this.#stoppedBy && { reason: stoppedAfter(sent, this.#stoppedBy.reason) };
  }

  #progress(): FloodReport {
    const { sent, bytes, durationNs, refused, verified } = this.#flood.progress();
    const { engine, passedOver } = this.#start;
    const seconds = durationNs / 1e9;
    return {
      engine,
      passedOver,
      ...(verified && {
        verified: { counter: 'tx_packets', before: verified[0], after: verified[1] },
      }),
      sent,
      refused: byErrno(refused),
      bytes,
      durationMs: durationNs / 1e6,
      framesPerSecond: seconds > 0 ? sent / seconds : 0,
    };
  }
}

function byErrno(pairs: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < pairs.length; i += 2) counts[errnoName(pairs[i] ?? 0)] = pairs[i + 1] ?? 0;
  return counts;
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

function checkShape(plan: FloodPlan): void {
  if (typeof plan !== 'object' || plan === null) throw invalidArgument('plan', 'an object', plan);
  const known = Object.keys(OPTIONS);
  for (const name of Object.keys(plan)) {
    if (!known.includes(name)) throw invalidArgument('plan', `only ${known.join(', ')}`, name);
  }
  const { frames, signal, onProgress } = plan;
  if (frames !== undefined && !isIterable(frames)) {
    throw invalidArgument('plan.frames', 'an iterable of frames', frames);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('plan.onProgress', 'a function', onProgress);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument('plan.signal', 'an AbortSignal', signal);
  }
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
