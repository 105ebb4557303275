import type { DropBatch, DropEvent, DropTotals, LostEvent } from '../drops/drop-event.ts';
import type { ProbeSink } from '../probes/probe.ts';
import { DropLoop } from './drop-loop.ts';
import { DropQueue } from './drop-queue.ts';

/** Who is told of drops one by one, as they come. What it does then may open and leave loops. */
export interface FeedListener {
  /** False: there is nobody to tell. */
  wantsDrops(): boolean;
  drop(event: DropEvent): void;
  totals(totals: DropTotals): void;
  lost(event: LostEvent): void;
  failed(error: Error): void;
}

type OpenLoop = Pick<DropLoop<unknown>, 'queue' | 'push' | 'end' | 'abort'>;

/** Carries what a probe delivers to every loop and to a listener; keeps it while there is neither. */
export class DropFeed implements ProbeSink {
  /** How many could not be delivered, by where. */
  readonly lostSoFar: Record<LostEvent['where'], number> = { kernel: 0, queue: 0, output: 0 };
  /** Set once, when the probe is armed and has not delivered anything. */
  listener: FeedListener | undefined;
  readonly #queueLimit: number;
  readonly #loops = new Set<OpenLoop>();
  /** The loops that have the batch which the listener is being told. */
  #told = new Set<OpenLoop>();
  /** What nobody has. Empty while a loop is open. */
  #kept: DropQueue;
  /** What a loop ends with, when nothing more comes. */
  #end: { error?: unknown } | undefined;
  #aborted = false;

  constructor(queueLimit: number) {
    this.#queueLimit = queueLimit;
    this.#kept = new DropQueue(queueLimit);
  }

  batch(batch: DropBatch): void {
    this.tellKept();
    this.#told = new Set(this.#loops);
    this.#push(batch, this.#told);
    this.#tell(batch);
  }

  totals(totals: DropTotals): void {
    this.listener?.totals(totals);
  }

  /** Only a summary asks for them. */
  talkers(): void {}

  lost(event: LostEvent): void {
    this.lostSoFar[event.where] += event.count;
    this.listener?.lost(event);
  }

  failed(error: Error): void {
    this.listener?.failed(error);
  }

  /** Tells the listener what was kept until it came, if it has come. */
  tellKept(): void {
    if (this.listener?.wantsDrops() !== true) return;
    this.#told = new Set();
    const kept = this.#takeKept();
    for (let batch = kept.takeBatch(); batch !== undefined; batch = kept.takeBatch()) {
      this.#tell(batch);
    }
  }

  /** A loop over what was kept until now and everything that comes. */
  open<T>(take: (queue: DropQueue) => T | undefined): DropLoop<T> {
    const loop = new DropLoop(this.#takeKept(), take, () => this.#left(loop));
    // What it takes over may be from a loop that left, with the batch that is being told.
    if ([...this.#told].some((other) => !this.#loops.has(other))) this.#told.add(loop);
    if (this.#end === undefined) this.#loops.add(loop);
    else loop.end(this.#end);
    return loop;
  }

  /** Ends every loop when it has read what waits, with `error` if there is one. True: one was told. */
  end(end: { error?: unknown }): boolean {
    this.tellKept();
    const told = this.#loops.size > 0;
    this.#end ??= end;
    for (const loop of this.#loops) loop.end(this.#end);
    return told;
  }

  /** Ends every loop at once; it throws `reason`. Nothing is kept. */
  abort(reason: unknown): void {
    this.#end = { error: reason };
    this.#aborted = true;
    this.#kept.clear();
    for (const loop of this.#loops) loop.abort(reason);
    this.#loops.clear();
  }

  #tell(batch: DropBatch): void {
    for (let i = 0; i < batch.length; i++) {
      if (this.listener?.wantsDrops() !== true) {
        this.#passOn(batch.slice(i));
        return;
      }
      this.listener.drop(batch.at(i));
    }
  }

  /** What the listener was not told: to the loops that do not have it; kept if nobody has it. */
  #passOn(rest: DropBatch): void {
    const late = [...this.#loops].filter((loop) => !this.#told.has(loop));
    // After an abort nobody shall have it.
    const keep = this.#told.size === 0 && late.length === 0 && !this.#aborted;
    if (keep) this.#tellRefused(this.#kept.push(rest), rest);
    else this.#push(rest, late);
  }

  #push(batch: DropBatch, loops: Iterable<OpenLoop>): void {
    // All of them first: a listener of 'lost' may leave one.
    const refused = Array.from(loops, (loop) => loop.push(batch));
    for (const count of refused) this.#tellRefused(count, batch);
  }

  #tellRefused(count: number, { probe }: DropBatch): void {
    if (count > 0) this.lost({ probe, count, where: 'queue' });
  }

  /** What a loop did not read waits for the next one, unless somebody else reads. */
  #left(loop: OpenLoop): void {
    this.#loops.delete(loop);
    if (this.#loops.size > 0 || this.listener?.wantsDrops() === true) {
      this.#told.delete(loop);
      return;
    }
    for (let batch = loop.queue.takeBatch(); batch !== undefined; batch = loop.queue.takeBatch()) {
      this.#tellRefused(this.#kept.push(batch), batch);
    }
  }

  #takeKept(): DropQueue {
    const kept = this.#kept;
    this.#kept = new DropQueue(this.#queueLimit);
    return kept;
  }
}
