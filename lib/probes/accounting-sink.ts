import type { DropAccount } from '../drops/drop-account.ts';
import type { CounterName, DropBatch, DropTotals, LostEvent } from '../drops/drop-event.ts';
import type { TalkerCounts } from '../drops/drop-summary.ts';
import type { ProbeSink } from './probe.ts';

interface Account extends DropAccount {
  readonly told: Partial<Record<CounterName, bigint>>;
}

/** Passes on what a probe delivers, and keeps the accounts of it. */
export class AccountingSink implements ProbeSink {
  readonly #sink: ProbeSink;
  readonly #accounts = new Map<string, Account>();

  constructor(sink: ProbeSink) {
    this.#sink = sink;
  }

  all(): DropAccount[] {
    return [...this.#accounts.values()].map((account) => ({
      ...account,
      told: { ...account.told },
    }));
  }

  batch(batch: DropBatch): void {
    for (const { ifindex, netns, counter } of batch) this.tell(ifindex, netns, counter?.name, 1);
    this.#sink.batch(batch);
  }

  totals(totals: DropTotals): void {
    this.tell(totals.ifindex, totals.netns, totals.counter, totals.count);
    this.#sink.totals(totals);
  }

  talkers(counts: TalkerCounts): void {
    this.#sink.talkers(counts);
  }

  lost(event: LostEvent): void {
    this.#sink.lost(event);
  }

  failed(error: Error): void {
    this.#sink.failed(error);
  }

  /** Notes that so many drops of a link were told, which moved this counter. */
  tell(ifindex: number, netns: number, counter: CounterName | undefined, count: number): void {
    if (counter === undefined) return;
    const key = `${netns} ${ifindex}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { ifindex, netns, told: {}, filtered: {}, lost: {} };
      this.#accounts.set(key, account);
    }
    account.told[counter] = (account.told[counter] ?? 0n) + BigInt(count);
  }
}
