import type { DropAccount } from '../drops/drop-account.ts';
import type { CounterName } from '../drops/drop-event.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';
import { counterValue } from '../link/counter-fields.ts';
import { greater, positive, smaller } from './amounts.ts';
import type { LedgerCounter, LedgerRow } from './ledger.ts';
import type { LedgerLink } from './ledger-links.ts';

/** What the readings and the probe know of one link; undefined where a reading did not find it. */
export interface LinkReadings {
  /** Read before the probe was armed. */
  readonly first: LedgerLink | undefined;
  /** Read once it was armed. */
  readonly armed: LedgerLink | undefined;
  /** Read before the probe was asked for its accounts. */
  readonly before: LedgerLink | undefined;
  /** Read after that. */
  readonly now: LedgerLink;
  readonly account: DropAccount | undefined;
}

/** A row, and what its causes are found by. */
export type UnexplainedRow = Omit<LedgerRow, 'causes'> & {
  /** What of the counter the driver counted, where that is known. */
  readonly driver: bigint | undefined;
  /** Frames that the other end of its pair refused: the driver counted each as tx_dropped. */
  readonly refusedByPeer: bigint | undefined;
  /** Frames that the kernel freed before it counted them. */
  readonly freedFirst: bigint | undefined;
  /** Whether the link came after the probe was armed, and may have counted elsewhere before. */
  readonly isLate: boolean;
};

/** The row of one counter of a link. */
export function ledgerRow(counter: LedgerCounter, readings: LinkReadings): UnexplainedRow {
  const { account, now: link } = readings;
  const amounts = isCounterName(counter) ? account : undefined;
  const known = (kind: 'told' | 'filtered' | 'lost') =>
    isCounterName(counter) ? (amounts?.[kind][counter] ?? 0n) : 0n;
  const value = (at: LedgerLink | undefined) =>
    at === undefined ? 0n : counterValue(at.stats, counter);
  const now = value(link);
  const isLate = readings.armed === undefined && account?.isNew !== true;
  // What the probe has of a late link begins when the link first dropped a frame here.
  const startKnown = isCounterName(counter) && !isLate ? amounts?.start?.[counter] : undefined;
  const [least, most] = [value(readings.first), value(readings.armed)];
  // Below what it was: a later link has the number of an earlier one. Else it was at least what it was
  // before the probe was armed, however little of that the probe knows.
  const start = now < least ? (startKnown ?? 0n) : greater(startKnown ?? least, least);
  const counted = positive(now - start);
  // A probe that judges by the place may hold more to be counted than was.
  const attributed = smaller(known('told'), counted);
  const filtered = smaller(known('filtered'), counted - attributed);
  const lost = smaller(known('lost'), counted - attributed - filtered);
  const gap = counted - attributed - filtered - lost;
  // What it counted while the probe was armed may be from before or after that.
  const atStart = startKnown === undefined && now >= most ? positive(most - start) : 0n;
  const window = positive(now - value(readings.before)) + atStart;
  const inFlight = smaller(gap, window);
  return {
    interface: link.stats.name,
    ifindex: link.stats.ifindex,
    netns: link.netns,
    counter,
    counted,
    attributed,
    filtered,
    lost,
    inFlight,
    unattributed: gap - inFlight,
    driver: isCounterName(counter) ? amounts?.driver?.[counter] : undefined,
    refusedByPeer: counter === 'tx_dropped' ? amounts?.refusedByPeer : undefined,
    freedFirst: isCounterName(counter) ? amounts?.freedFirst?.[counter] : undefined,
    isLate,
  };
}

function isCounterName(counter: LedgerCounter): counter is CounterName {
  const names: readonly string[] = COUNTER_NAMES;
  return names.includes(counter);
}
