import type { DropEvent } from '../../drops/drop-event.ts';
import { EventBatch } from '../../drops/event-batch.ts';
import type { ProbeSink } from '../probe.ts';
import type { ScriptCount, ScriptDrop, ScriptMessage, ScriptTotal } from './script-output.ts';

const PROBE = 'systemtap';

/** Carries what the script prints to a sink, and counts as lost what did not come through. */
export class ScriptFeed {
  readonly #sink: ProbeSink;
  /** Drops that had a line of their own: those that came, and those that were lost. */
  #delivered = 0;
  #lost = 0;
  /** Drops in totals, and of each talker. */
  #totalled = 0;
  readonly #talkers = new Map<string, number>();
  /** Names of interfaces: a total has none. */
  readonly #names = new Map<number, string>();

  constructor(sink: ProbeSink) {
    this.#sink = sink;
  }

  take(message: Exclude<ScriptMessage, { kind: 'armed' }>): void {
    switch (message.kind) {
      case 'drop':
        this.#drop(message);
        return;
      case 'total':
        this.#total(message);
        return;
      case 'tick':
      case 'end':
        this.#reconcile(message);
    }
  }

  #drop(drop: ScriptDrop): void {
    this.#delivered += 1;
    this.#names.set(drop.ifindex, drop.interface);
    this.#sink.batch(new EventBatch(PROBE, [dropEvent(drop)]));
  }

  #total({ talker, count: sinceStart }: ScriptTotal): void {
    const key = JSON.stringify(talker);
    const count = sinceStart - (this.#talkers.get(key) ?? 0);
    if (count <= 0) return;
    this.#talkers.set(key, sinceStart);
    this.#totalled += count;
    const name = this.#names.get(talker.ifindex) ?? '';
    this.#sink.totals({ probe: PROBE, count, interface: name, ...talker });
  }

  #reconcile({ kind, seen, told }: ScriptCount): void {
    // A total that was lost is in the next one, but for the last.
    const due = kind === 'end' ? seen - this.#totalled : told;
    const count = due - this.#delivered - this.#lost;
    if (count <= 0) return;
    this.#lost += count;
    this.#sink.lost({ probe: PROBE, count, where: 'output' });
  }
}

function dropEvent({ kind: _, counter, after, ...drop }: ScriptDrop): DropEvent {
  const ageMs = Number(process.hrtime.bigint() - drop.timestampNs) / 1e6;
  return {
    probe: PROBE,
    time: new Date(Date.now() - ageMs),
    ...drop,
    counter: { name: counter, before: after - 1n, after },
  };
}
