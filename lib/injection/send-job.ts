import { closed, errnoName } from '../errors.ts';
import type { SendProgress } from '../native.ts';
import type { EngineName, PassedOver } from './engine.ts';
import { stoppedAfter } from './send-errors.ts';

/** What was sent, and how fast. */
export interface SentReport {
  /** How it was sent. */
  readonly engine: EngineName;
  /** Engines that were to come first, and why they cannot be had. */
  readonly passedOver: readonly PassedOver[];
  /**
   * Frames that the kernel took, which does not mean that they arrived; of live frames that are sent, those
   * that the interface's own counter counts.
   */
  readonly sent: number;
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
