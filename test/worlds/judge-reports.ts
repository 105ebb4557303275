import type { Rise } from './fates.ts';
import type { ObservedDrop, ObservedLedger } from './observed.ts';
import { rise, type StreamOfWorld, type WatchCase } from './watch-case.ts';

/**
 * A packet socket puts all but the Ethernet header of a longer frame into pages, where a watch does not
 * look: such a frame cannot be told by its number.
 */
const MOST_LINEAR_BYTES = 3000;

/** Reasons of drops that happen where no link counter is moved. */
const COUNTS_NOTHING = /^(NO_SOCKET|IP_|IPV6|NEIGH_|TCP_|SOCKET_|UDP_|ICMP_|TC_|NETFILTER)/;

/** Says what is wrong with the drops that a watch reported until it was closed. */
export function judgeReports(one: WatchCase): void {
  const last = one.watch.ledgers.at(-1);
  if (last?.isAtRest === true) judgeSums(one, last);
  judgeValues(one);
  judgePlaces(one);
  if (one.step.reader === 'summary') return;
  judgeNumbers(one);
  judgeInnocent(one);
}

/** Holds how many drops were reported against the last ledger. */
function judgeSums(one: WatchCase, { before, rows }: ObservedLedger): void {
  const reported = reportedByCounter(one);
  for (const { link, counter, attributed } of rows) {
    if (attributed > 0 && one.isOfWorld(link) && !reported.has(`${link} ${counter}`)) {
      reported.set(`${link} ${counter}`, 0);
    }
  }
  for (const [place, count] of reported) {
    const { link, counter } = placeOf(place);
    if (!one.isOfWorld(link)) continue;
    const where = `${one.at(link)} ${counter}`;
    if (!one.isWatched(link)) {
      one.say(`it reported ${count} drops of ${where}, which it does not watch`);
    }
    if (one.isUnsteady(one.at(link))) continue;
    const row = rows.find((each) => each.link === link && each.counter === counter);
    const attributed = row?.attributed ?? 0;
    const noise =
      counter === 'rx_otherhost_dropped' ? count : rise(before, one.watch.closed, link, counter);
    if (count < attributed - one.lost || count > attributed + noise) {
      one.say(
        `it reported ${count} drops with ${where}, but the ledger says attributed ${attributed}`,
      );
    }
  }
}

function reportedByCounter(one: WatchCase): Map<string, number> {
  const reported = new Map(Object.entries(one.watch.sums));
  for (const { link, counter } of one.watch.drops) {
    if (counter === undefined) continue;
    const place = `${link} ${counter}`;
    reported.set(place, (reported.get(place) ?? 0) + 1);
  }
  return reported;
}

/** On one CPU the values that the drops of a link have rise, each in a step of 1. */
function judgeValues(one: WatchCase): void {
  const byPlace = new Map<string, ObservedDrop[]>();
  for (const drop of one.watch.drops) {
    if (drop.counter === undefined) continue;
    const place = `${drop.link} ${drop.counter}`;
    const drops = byPlace.get(place);
    if (drops === undefined) byPlace.set(place, [drop]);
    else drops.push(drop);
  }
  for (const [place, drops] of byPlace) {
    const { link, counter } = placeOf(place);
    if (!one.isOfWorld(link)) continue;
    const where = `${one.at(link)} ${counter}`;
    const wrong = drops.find(({ before = 0, after = 0 }) => after !== before + 1);
    if (wrong !== undefined) {
      one.say(`it reported ${where} ${wrong.before}->${wrong.after}, which is no step of 1`);
    }
    // A link that has the number of one that is gone begins anew.
    if (new Set(drops.map(({ cpu }) => cpu)).size > 1 || one.isUnsteady(one.at(link))) continue;
    const values = drops.map(({ after = 0 }) => after);
    const at = values.findIndex((value, index) => index > 0 && value <= (values[index - 1] ?? 0));
    if (at > 0) {
      const around = values.slice(Math.max(0, at - 3), at + 3).join(', ');
      one.say(`the values of ${where} do not rise: ${around}`);
    }
  }
}

/** Whatever the frame: a drop that counts nothing is not reported with a counter. */
function judgePlaces(one: WatchCase): void {
  const wrong = one.watch.drops.find(
    ({ counter, reason = '', link }) =>
      counter !== undefined &&
      one.isOfWorld(link) &&
      (COUNTS_NOTHING.test(reason) ||
        (reason === 'OTHERHOST') !== (counter === 'rx_otherhost_dropped')),
  );
  if (wrong !== undefined) one.say(`it blamed ${blame(one, wrong)}`);
}

/** Frames that the model knows to raise a counter are reported with it: each once, and no others. */
function judgeNumbers(one: WatchCase): void {
  const allowed = one.lost + (one.observed.unseen ?? 0);
  for (const stream of one.seenStreams) {
    if (stream.stream.length > MOST_LINEAR_BYTES) continue;
    for (const rises of stream.fate ?? []) {
      if (rises.by !== 'frame') continue;
      const homes = one.observed.homes[rises.link] ?? [];
      if (one.isUnsteady(rises.link) || !homes.some((home) => one.isWatched(home))) continue;
      const expected = one.passes(stream) ? stream.stream.count : 0;
      const numbers = numbersOf(one, stream, rises, homes);
      const distinct = new Set(numbers).size;
      const what = `frames of ${JSON.stringify(stream.stream)} with ${rises.link} ${rises.counter}`;
      if (distinct < numbers.length) one.say(`it reported twice ${what}`);
      if (distinct > expected) {
        one.say(`it reported ${distinct} ${what}, but ${expected} were to be reported`);
      }
      // A link that is renamed when the sender comes to it is not found.
      if (distinct < Math.min(expected, stream.sent) - allowed)
        one.say(`it reported ${distinct} of ${expected} ${what}`);
    }
  }
}

function numbersOf(
  one: WatchCase,
  { first, stream: { count } }: StreamOfWorld,
  { counter }: Rise,
  homes: readonly string[],
): number[] {
  return one.watch.drops
    .filter((drop) => homes.includes(drop.link) && drop.counter === counter)
    .flatMap(({ number }) => (number === undefined ? [] : [number]))
    .filter((number) => number >= first && number < first + count);
}

/** Frames that raise no counter of a link are not reported with one. */
function judgeInnocent(one: WatchCase): void {
  for (const drop of one.watch.drops) {
    const { number, counter, link } = drop;
    if (number === undefined || counter === undefined || !one.isOfWorld(link)) continue;
    const stream = one.streamOf(number);
    if (stream?.fate === undefined) continue;
    const key = one.at(link);
    if (stream.fate.some((rises) => rises.link === key && rises.counter === counter)) continue;
    one.say(`it blamed ${blame(one, drop)}, a frame of ${JSON.stringify(stream.stream)}`);
    // One of a kind is enough.
    return;
  }
}

function blame(
  one: WatchCase,
  { link, counter, before, after, reason, location }: ObservedDrop,
): string {
  return `a frame (${reason} @ ${location}) for ${one.at(link)} ${counter} ${before}->${after}, which it cannot have moved`;
}

function placeOf(place: string): { readonly link: string; readonly counter: string } {
  const [netns, ifindex, counter = ''] = place.split(' ');
  return { link: `${netns} ${ifindex}`, counter };
}
