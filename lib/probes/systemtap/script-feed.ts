import type { DropEvent } from '../../drops/drop-event.ts';
import { EventBatch } from '../../drops/event-batch.ts';
import type { ProbeSink } from '../probe.ts';
import type { ScriptDrop, ScriptMessage, ScriptTotal } from './script-output.ts';

const PROBE = 'systemtap';

/** Carries what the script prints to a sink, and counts as lost what did not come through. */
export class ScriptFeed {
  readonly #sink: ProbeSink;
  /** Lines of drops up to this number have come or are counted as lost. */
  #settled = 0;
  /** The numbers of those that came since. */
  #came: number[] = [];
  /** As the script last said. Lines may have overtaken each other since. */
  #told = 0;
  #seen = 0;
  /** Drops in totals, and of each talker. */
  #totalled = 0;
  readonly #talkers = new Map<string, number>();

  constructor(sink: ProbeSink) {
    this.#sink = sink;
  }

  take(message: ScriptMessage): void {
    switch (message.kind) {
      case 'drop':
        this.#drop(message);
        return;
      case 'total':
        this.#total(message);
        return;
      case 'tick':
        this.#seen = message.seen;
        this.#settle(this.#told);
        this.#told = Math.max(this.#told, message.told);
        return;
      case 'end':
        this.#settle(message.told);
        this.#settleTotals(message.seen - message.told);
    }
  }

  #drop(drop: ScriptDrop): void {
    // It is already counted as lost.
    if (drop.number <= this.#settled) return;
    this.#came.push(drop.number);
    this.#sink.batch(new EventBatch(PROBE, [dropEvent(drop)]));
  }

  /** To be called when nothing more comes and the script did not tell its end: it was killed. */
  abandon(): void {
    this.#settle(this.#told);
    this.#settleTotals(this.#seen - this.#told);
  }

  #total({ talker, count: sinceStart }: ScriptTotal): void {
    const { interface: _, ...lasting } = talker;
    const key = JSON.stringify(lasting);
    const count = sinceStart - (this.#talkers.get(key) ?? 0);
    if (count <= 0) return;
    this.#talkers.set(key, sinceStart);
    this.#totalled += count;
    this.#sink.totals({ probe: PROBE, count, ...talker });
  }

  #settle(upTo: number): void {
    if (upTo <= this.#settled) return;
    const later = this.#came.filter((number) => number > upTo);
    this.#lost(upTo - this.#settled - (this.#came.length - later.length));
    this.#came = later;
    this.#settled = upTo;
  }

  /** A total that was lost is in the next one, but for the last. */
  #settleTotals(due: number): void {
    this.#lost(due - this.#totalled);
    this.#totalled = Math.max(this.#totalled, due);
  }

  #lost(count: number): void {
    if (count > 0) this.#sink.lost({ probe: PROBE, count, where: 'output' });
  }
}

function dropEvent({ kind: _, number: __, counter, after, ...drop }: ScriptDrop): DropEvent {
  const ageMs = Number(process.hrtime.bigint() - drop.timestampNs) / 1e6;
  return {
    probe: PROBE,
    time: new Date(Date.now() - ageMs),
    ...drop,
    counter: { name: counter, before: after - 1n, after },
  };
}
