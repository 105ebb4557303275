import type { DropWatch } from '../index.ts';
import type { DropLines } from './drop-line.ts';
import { Losses } from './losses.ts';
import type { Output } from './output.ts';
import type { WatchReport } from './watch-report.ts';

/** What to print, how, and where to. */
export interface DropPrinting {
  readonly drops: DropWatch;
  /** Closes them. May be called more than once. */
  close(): Promise<void>;
  readonly lines: DropLines;
  readonly output: Output;
  /** Counts what was printed, and what was lost. */
  readonly report: WatchReport;
  /** Ends behind so many drops. Default: none. */
  readonly count?: number | undefined;
}

/**
 * Prints the drops of a watch until it closes, closes it, and prints what it lost. At the speed of
 * the reader: while the output is full no drop is taken from the queue of the watch, which is
 * bounded and counts as lost what it has no room for. Throws what the watch failed with.
 */
export async function printDrops(printing: DropPrinting): Promise<void> {
  const { drops, close, lines, output, report, count = Number.POSITIVE_INFINITY } = printing;
  const unsaid = new Losses();
  const takeUnsaid = () =>
    unsaid
      .take()
      .map((lost) => lines.lost(lost))
      .join('');
  drops.on('lost', (lost) => {
    report.lost(lost);
    unsaid.add(lost);
    // To a full output it is said with the next drops, so that these lines do not pile up either.
    if (!output.full) void output.write(takeUnsaid());
  });
  drops.on('totals', (totals) => {
    if (output.full) {
      const lost = { probe: totals.probe, count: totals.count, where: 'queue' } as const;
      report.lost(lost);
      unsaid.add(lost);
      return;
    }
    report.totals(totals);
    void output.write(lines.totals(totals));
    if (report.seen >= count) void close();
  });
  try {
    for await (const batch of drops.batches()) {
      const text = [];
      for (const drop of batch.slice(0, Math.max(0, Math.min(batch.length, count - report.seen)))) {
        report.drop(drop);
        text.push(lines.drop(drop));
      }
      await output.write(takeUnsaid() + text.join(''));
      if (report.seen >= count || output.failed.aborted) break;
    }
  } finally {
    await close();
    await output.write(takeUnsaid());
  }
}
