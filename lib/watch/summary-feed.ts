import type { DropBatch, DropTotals, LostEvent, ProbeName } from '../drops/drop-event.ts';
import type { DropSummary, TalkerCounts } from '../drops/drop-summary.ts';
import { TalkerTable } from '../drops/talker-table.ts';
import type { ProbeSink } from '../probes/probe.ts';

/** Counts what a probe delivers by talker; losses and failures go on to `feed`. */
export class SummaryFeed implements ProbeSink {
  readonly #feed: Pick<ProbeSink, 'lost' | 'failed'>;
  readonly #talkerLimit: number;
  readonly #table = new TalkerTable();

  /** It lists at most `talkerLimit` talkers. */
  constructor(feed: Pick<ProbeSink, 'lost' | 'failed'>, talkerLimit: number) {
    this.#feed = feed;
    this.#talkerLimit = talkerLimit;
  }

  batch(batch: DropBatch): void {
    for (const drop of batch) this.#table.addDrop(drop);
  }

  totals(totals: DropTotals): void {
    this.#table.addTotals(totals, new Date());
  }

  talkers(counts: TalkerCounts): void {
    this.#table.add(counts);
  }

  lost(event: LostEvent): void {
    this.#feed.lost(event);
  }

  failed(error: Error): void {
    this.#feed.failed(error);
  }

  /** `since`: when the probe was armed. */
  summary(probe: ProbeName, since: Date): DropSummary {
    return { probe, since, until: new Date(), ...this.#table.list(this.#talkerLimit) };
  }
}
