import type { Rise } from './fates.ts';
import type { ObservedLedger, ObservedRow, ObservedTap } from './observed.ts';
import { rise, type StreamOfWorld, type WatchCase } from './watch-case.ts';

/** Those that ip(8) shows. */
const COUNTERS = [
  'rx_dropped',
  'tx_dropped',
  'rx_nohandler',
  'rx_missed_errors',
  'rx_errors',
  'tx_errors',
] as const;

/** Says what is wrong with a ledger. */
export function judgeLedger(one: WatchCase, ledger: ObservedLedger): void {
  for (const row of ledger.rows) if (one.isOfWorld(row.link)) judgeRow(one, row, ledger);
  if (!ledger.isAtRest) return;
  judgeTaps(one, ledger);
  const rows = new Set(ledger.rows.map(({ link, counter }) => `${link} ${counter}`));
  for (const link of Object.keys(ledger.before)) {
    if (!one.isWatched(link) || one.isUnsteady(one.at(link))) continue;
    for (const counter of COUNTERS) {
      const least = rise(one.watch.armed, ledger.before, link, counter);
      if (least > 0 && !rows.has(`${link} ${counter}`)) {
        one.say(`the ledger lacks ${one.at(link)} ${counter}, which rose by ${least}`);
      }
    }
  }
}

/** A ledger lists the taps that are open where the watch looks, and what they hide there. */
function judgeTaps(one: WatchCase, { taps, openTaps }: ObservedLedger): void {
  const text = ({ on, etherType, hides }: ObservedTap) => `${on} ${etherType ?? 'all'}: ${hides}`;
  for (const open of openTaps) {
    const listed = taps.filter(
      ({ on, etherType }) => on === open.on && etherType === open.etherType,
    );
    if (listed.length === 0) {
      one.say(`the ledger does not list the tap ${text(open)}`);
    } else if (open.hides !== undefined && !listed.some(({ hides }) => hides === open.hides)) {
      one.say(`the ledger lists the tap ${listed.map(text)}, but it is ${text(open)}`);
    }
  }
  // Other namespaces may have taps, and a tap on a link below the one that is watched is listed, too.
  if (one.step.in === 'all' || one.step.interfaces !== undefined) return;
  const isOpen = (tap: ObservedTap) =>
    openTaps.some(({ on, etherType }) => on === tap.on && etherType === tap.etherType);
  for (const tap of taps) {
    if (!isOpen(tap)) one.say(`the ledger lists the tap ${text(tap)}, which is not there`);
  }
}

function judgeRow(one: WatchCase, row: ObservedRow, ledger: ObservedLedger): void {
  const amid = ledger.isAtRest ? '' : ' amid traffic';
  const where = `the ledger${amid} says of ${one.at(row.link)} ${row.counter}`;
  const { counted, attributed, filtered, lost, inFlight, unattributed } = row;
  const parts = { attributed, filtered, lost, inFlight, unattributed };
  const sum = Object.values(parts).reduce((all, part) => all + part, 0);
  const account = `counted ${counted}: ${JSON.stringify(parts)}`;
  if (sum !== counted) one.say(`${where} ${account}, which does not add up`);
  if (Object.values(parts).some((part) => part < 0)) one.say(`${where} ${account}: negative`);
  if (!one.isWatched(row.link)) one.say(`${where} ${account}, which it does not watch`);
  if (unattributed > 0 && row.causes.length === 0) one.say(`${where} ${account} without a cause`);
  if (one.isUnsteady(one.at(row.link))) return;
  judgeCounted(one, row, ledger, where);
  if (unattributed > 0) judgeUnattributed(one, row, `${where} ${account}`);
  if (inFlight > 0 && isCalm(one, row, ledger)) one.say(`${where} ${account} at rest`);
}

function judgeCounted(
  one: WatchCase,
  { link, counter, counted }: ObservedRow,
  { before, after }: ObservedLedger,
  where: string,
): void {
  if (counter === 'rx_otherhost_dropped') return;
  const least = rise(one.watch.armed, before, link, counter);
  const most = rise(one.watch.before, after, link, counter);
  if (counted >= least && counted <= most) return;
  one.say(`${where} counted ${counted}, but ip says ${least} to ${most}`);
}

/** Whether the counter stood still while the watch was armed and while the ledger was made up. */
function isCalm(one: WatchCase, { link, counter }: ObservedRow, ledger: ObservedLedger): boolean {
  const { before, armed, isMidTraffic } = one.watch;
  if (!ledger.isAtRest || isMidTraffic || counter === 'rx_otherhost_dropped') return false;
  return (
    rise(before, armed, link, counter) === 0 &&
    rise(ledger.before, ledger.after, link, counter) === 0
  );
}

function judgeUnattributed(one: WatchCase, row: ObservedRow, where: string): void {
  const said = `${where} ${JSON.stringify(row.causes)}`;
  const explained = row.causes.reduce((sum, { amount = 0 }) => sum + amount, 0);
  if (explained > row.unattributed) one.say(`${said}, which are too many`);
  const known = unattributable(one, row);
  if (known === undefined) return;
  const unseen = row.counter === 'rx_dropped' ? (one.observed.unseen ?? 0) : 0;
  const count = known.reduce((sum, { stream }) => sum + stream.count, 0);
  if (row.unattributed > count + unseen) {
    one.say(`${said}, but at most ${count} of them can have no frame of that link`);
  } else if (unseen === 0) {
    const allowed = new Set(known.flatMap(({ by }) => TRUE_CAUSES[by]));
    const wrong = row.causes.find(
      ({ kind }) => !allowed.has(kind) && !(kind === 'lost' && one.lost > 0),
    );
    if (wrong !== undefined) one.say(`${said}, of which '${wrong.kind}' is not true`);
  }
}

/** What a ledger may say of increments without a drop of their link. */
const TRUE_CAUSES: Readonly<Record<Rise['by'], readonly string[]>> = {
  frame: [],
  peer: ['peer'],
  driver: ['peer'],
  none: ['place'],
};

/** What raised a counter without a drop of its link; undefined: it is not known. */
function unattributable(
  one: WatchCase,
  { link, counter }: ObservedRow,
): (Rise & Pick<StreamOfWorld, 'stream'>)[] | undefined {
  const key = one.at(link);
  if (counter.endsWith('_errors') || one.isNoisy(key)) return undefined;
  if (one.isShortQueued(key) && counter === 'rx_dropped') return undefined;
  if (one.streams.some(({ fate }) => fate === undefined)) return undefined;
  return one.touchedStreams.flatMap(({ fate, stream }) =>
    (fate ?? [])
      .filter((rises) => rises.link === key && rises.counter === counter && rises.by !== 'frame')
      .map((rises) => ({ ...rises, stream })),
  );
}
