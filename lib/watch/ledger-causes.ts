import type { ProbeName } from '../drops/drop-event.ts';
import { smaller } from './amounts.ts';
import type { LedgerCause, LedgerRow } from './ledger.ts';

/** What else is known of a row. Amounts that are undefined are not known. */
export interface Circumstances {
  readonly probe: ProbeName;
  /** By how much the driver itself raised the counter. */
  readonly driver: bigint | undefined;
  /** Frames of this link that the other end of its pair refused: the driver counted each. */
  readonly refusedByPeer: bigint | undefined;
  /** Frames that the kernel freed before it counted them. */
  readonly freedFirst: bigint | undefined;
  readonly isLate: boolean;
  readonly isFiltered: boolean;
  /** Lost drops of which it is not known which counter they moved. */
  readonly unplaced: bigint;
}

/** Why a row may have something unattributed; nothing where it has not. */
export function causesOf(
  { counter, unattributed }: Pick<LedgerRow, 'counter' | 'unattributed'>,
  circumstances: Circumstances,
): LedgerCause[] {
  if (unattributed === 0n) return [];
  if (counter.endsWith('_errors')) {
    return [{ kind: 'driver', amount: unattributed, text: BY_DRIVER }];
  }
  const { probe, isLate, isFiltered, unplaced } = circumstances;
  if (probe === 'counters') return [{ kind: 'probe', amount: unattributed, text: NO_PROBE }];
  const causes = knownAmounts(unattributed, circumstances);
  const explained = causes.reduce((sum, { amount = 0n }) => sum + amount, 0n);
  if (explained === unattributed) return causes;
  if (isLate) causes.push({ kind: 'late', text: LATE });
  if (unplaced > 0n) causes.push({ kind: 'lost', text: LOST });
  if (isFiltered && probe !== 'ebpf') causes.push({ kind: 'filter', text: FILTER });
  causes.push({ kind: 'place', text: PLACES[probe] });
  return causes;
}

/** The causes whose amounts are known, together at most `unattributed`. */
function knownAmounts(
  unattributed: bigint,
  { driver = 0n, refusedByPeer = 0n, freedFirst = 0n }: Circumstances,
): LedgerCause[] {
  const byPeer = smaller(refusedByPeer, driver);
  const known = [
    { kind: 'peer', amount: byPeer, text: BY_PEER },
    { kind: 'driver', amount: driver - byPeer, text: BY_DRIVER },
    { kind: 'after', amount: freedFirst, text: AFTER },
  ] as const;
  const causes: LedgerCause[] = [];
  let rest = unattributed;
  for (const cause of known) {
    const amount = smaller(cause.amount, rest);
    rest -= amount;
    if (amount > 0n) causes.push({ ...cause, amount });
  }
  return causes;
}

const BY_PEER =
  'The other end of the veth pair refused these frames: they are longer than its MTU, or it is down. Both ends counted them; the drops name the other end.';
const BY_DRIVER =
  'The driver of the link counted these itself: the network stack has no frame of them to drop.';
const AFTER =
  'The kernel frees these frames first and counts them afterwards, so no drop can be tied to the counter: frames that could not be segmented for sending, or that a macvlan or netkit device had no room for. The drops are reported with scope "all".';
const NO_PROBE = 'The counters probe sees no frames. With another probe they are reported.';
const LATE = 'The link came after the watch was armed, and may have counted before it came.';
const LOST = 'Drops were lost of which it is not known which counter they moved.';
const FILTER = 'The probe does not count what the filters held back.';

const PLACES: Readonly<Record<ProbeName, string>> = {
  ebpf: 'The kernel counted these on this link, but no dropped frame shows it: the frame had no device yet (tun), or belonged to another one (another macvlan, the target of a BPF redirect), or another function dropped it than those that are known to count.',
  systemtap:
    'It was counted elsewhere than in __netif_receive_skb_core() and enqueue_to_backlog(), which the script probes: a frame longer than the MTU of a veth’s peer, say; or by the driver.',
  'drop-monitor':
    'It was counted elsewhere than in the functions that are known to count what they drop; or by the driver.',
  counters: NO_PROBE,
};
