import { closed, errnoName, invalidArgument } from '../errors.ts';
import type { SendProgress } from '../native.ts';
import type { EngineName, PassedOver } from './engine.ts';
import { stoppedAfter } from './send-errors.ts';

/** What was sent, and how fast. */
export interface SentReport {
  /** How it was sent. */
  readonly engine: EngineName;
  /** Engines that were to come first, and why they cannot be had. */
  readonly passedOver: readonly PassedOver[];
  /** Frames that the kernel took, or, of live frames, the driver: which does not mean that they arrived. */
  readonly sent: number;
  /**
   * Frames that it refused, by errno. One that was dropped on its way, such as by a full queue, is ENOBUFS by
   * 'sendmmsg' and 'live-frames', EBUSY by 'af-xdp'.
   */
  readonly refused: Readonly<Record<string, number>>;
  /**
   * Bytes of the frames that were sent. 'live-frames', and 'af-xdp' on older kernels, do not tell which frames
   * were refused: where those are of several lengths, it is an estimate.
   */
  readonly bytes: number;
  readonly durationMs: number;
  /** `sent` over the duration. */
  readonly framesPerSecond: number;
}

/** What is being sent by threads of the addon, and how JavaScript follows it. */
interface SendWork<Report> {
  /** Closed at its end. */
  readonly native: { stop(): void; close(): void };
  /** Rejects for what went wrong beside the threads. */
  readonly ended: Promise<void>;
  /** How far it is. `failure`: the RawSystemError that ended it. */
  readonly read: () => { readonly report: Report; readonly failure: Error | undefined };
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((report: Report) => void) | undefined;
  /** What to throw for a failure. */
  readonly explain: (failure: Error) => unknown;
}

const PROGRESS_MS = 1000;

/** ArgumentError for what are no options, for one that nobody knows, and for those that all have. */
export function checkSendOptions(
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: unknown;
  },
  known: readonly string[],
  argument: string,
): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument(argument, 'an object', options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidArgument(argument, `only ${known.join(', ')}`, name);
  }
  const { signal, onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument(`${argument}.onProgress`, 'a function', onProgress);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument(`${argument}.signal`, 'an AbortSignal', signal);
  }
}

/** A rate, 0 where there is none. ArgumentError for what can be none. */
export function planRate(framesPerSecond: number | undefined, argument: string): number {
  if (framesPerSecond === undefined) return 0;
  if (typeof framesPerSecond === 'number' && framesPerSecond > 0 && framesPerSecond <= MOST_RATE) {
    return framesPerSecond;
  }
  throw invalidArgument(argument, `a number above 0, at most ${MOST_RATE}`, framesPerSecond);
}

const MOST_RATE = 1e9;

/** Threads that send: they are told when to stop, tell how far they are, and resolve or reject. */
export class SendJob<Report extends { readonly sent: number }> {
  /** As `flood` and `replay` of an injector give it. */
  readonly report: Promise<Report>;
  readonly #work: SendWork<Report>;
  #stoppedBy: { readonly reason: unknown } | undefined;

  constructor(work: SendWork<Report>) {
    this.#work = work;
    const { native, ended, signal, onProgress } = work;
    const tell = () => {
      try {
        onProgress?.(work.read().report);
      } catch (error) {
        this.stop(error);
      }
    };
    const timer = setInterval(tell, PROGRESS_MS).unref();
    const abort = () => this.stop(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.report = ended
      .catch((reason) => {
        this.#stoppedBy ??= { reason };
      })
      .then(() => {
        const { report, failure } = work.read();
        const end = this.#howItEnded(report, failure);
        onProgress?.(report);
        if (end !== undefined) throw end.reason;
        return report;
      })
      .finally(() => {
        clearInterval(timer);
        signal?.removeEventListener('abort', abort);
        native.close();
      });
  }

  /** It rejects with ERR_CLOSED. */
  close(): void {
    this.stop(closed('injector'));
  }

  /** It ends soon, and rejects with the reason. */
  stop(reason: unknown): void {
    this.#stoppedBy ??= { reason };
    this.#work.native.stop();
  }

  /** undefined: all was sent. */
  #howItEnded(
    { sent }: Report,
    failure: Error | undefined,
  ): { readonly reason: unknown } | undefined {
    if (failure !== undefined) return { reason: stoppedAfter(sent, this.#work.explain(failure)) };
    return this.#stoppedBy && { reason: stoppedAfter(sent, this.#stoppedBy.reason) };
  }
}

export function sentReport(
  { sent, bytes, durationNs, refused }: SendProgress,
  engine: EngineName,
  passedOver: readonly PassedOver[],
): SentReport {
  const seconds = durationNs / 1e9;
  return {
    engine,
    passedOver,
    sent,
    refused: byErrno(refused),
    bytes,
    durationMs: durationNs / 1e6,
    framesPerSecond: seconds > 0 ? sent / seconds : 0,
  };
}

function byErrno(pairs: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < pairs.length; i += 2) counts[errnoName(pairs[i] ?? 0)] = pairs[i + 1] ?? 0;
  return counts;
}
