import type { ProbeName } from '../drops/drop-event.ts';
import type { LedgerCause, LedgerRow } from './ledger.ts';

/** What else is known of a row. */
interface Circumstances {
  readonly probe: ProbeName;
  /** By how much the driver itself raised the counter; undefined: not known. */
  readonly driver: bigint | undefined;
  readonly isLate: boolean;
  readonly isFiltered: boolean;
  /** Drops that were lost of which it is not known which counter they moved. */
  readonly unplaced: bigint;
}

/** Why a row may have something unattributed; nothing where it has not. */
export function causesOf(
  { counter, unattributed }: Pick<LedgerRow, 'counter' | 'unattributed'>,
  { probe, driver, isLate, isFiltered, unplaced }: Circumstances,
): LedgerCause[] {
  if (unattributed === 0n) return [];
  if (counter.endsWith('_errors')) {
    return [{ kind: 'driver', amount: unattributed, text: BY_DRIVER }];
  }
  if (probe === 'counters') return [{ kind: 'probe', amount: unattributed, text: NO_PROBE }];
  const causes: LedgerCause[] = [];
  let rest = unattributed;
  if (driver !== undefined && driver > 0n) {
    const amount = driver < rest ? driver : rest;
    rest -= amount;
    causes.push({ kind: 'driver', amount, text: BY_DRIVER });
  }
  if (rest === 0n) return causes;
  if (isLate) causes.push({ kind: 'late', text: LATE });
  if (unplaced > 0n) causes.push({ kind: 'lost', text: LOST });
  if (isFiltered && probe !== 'ebpf') causes.push({ kind: 'filter', text: FILTER });
  causes.push({ kind: 'place', text: PLACES[probe] });
  return causes;
}

const BY_DRIVER = 'The driver counts it by itself: the network stack has no frame of it to drop.';
const NO_PROBE = 'The counters probe sees no frames. With another probe they are told.';
const LATE = 'The link came after the watch was armed, and may have counted before it came.';
const LOST = 'Drops were lost of which it is not known what they moved.';
const FILTER = 'The probe does not count what the filters held back.';

const PLACES: Readonly<Record<ProbeName, string>> = {
  ebpf: 'It was counted where no dropped frame names the link: for another macvlan, or the target of a BPF redirect.',
  systemtap:
    'It was counted elsewhere than in __netif_receive_skb_core() and enqueue_to_backlog(), which the script probes: a frame longer than the MTU of a veth’s peer, say; or by the driver.',
  'drop-monitor':
    'It was counted elsewhere than in the functions that are known to count what they drop; or by the driver.',
  counters: NO_PROBE,
};
