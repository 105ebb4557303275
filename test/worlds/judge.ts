import { fatesOf, type Rise, type Sent } from './fates.ts';
import type {
  Counters,
  Observed,
  ObservedDrop,
  ObservedLedger,
  ObservedRow,
  ObservedStream,
  ObservedWatch,
} from './observed.ts';
import type { Step, WatchStep, World } from './world.ts';

const COUNTERS = [
  'rx_dropped',
  'tx_dropped',
  'rx_nohandler',
  'rx_otherhost_dropped',
  'rx_missed_errors',
  'rx_errors',
  'tx_errors',
] as const;

/** What a process with a few watches may take at most. */
const MOST_RESIDENT_MIB = 400;

/**
 * A packet socket puts all but the Ethernet header of a longer frame into pages, where a watch does not
 * look: such a frame cannot be told by its number.
 */
const MOST_LINEAR_BYTES = 3000;

/** What is wrong with what became known of a world, in sentences. Nothing: all is as it must be. */
export function judge(world: World, observed: Observed): string[] {
  const fates = fatesOf(world);
  const streams = observed.streams.flatMap((stream): StreamOfWorld[] => {
    const fate = fates.find(({ step, index }) => step === stream.step && index === stream.index);
    return fate === undefined ? [] : [{ ...fate, ...stream }];
  });
  return [
    ...observed.watches.flatMap((watch) =>
      new WatchJudge(world, observed, streams, watch).problems(),
    ),
    ...judgeProcess(observed),
  ];
}

type StreamOfWorld = Sent & ObservedStream;

function judgeProcess({ leaked, residentMiB }: Observed): string[] {
  const problems: string[] = [];
  if (leaked.descriptors > 0) problems.push(`${leaked.descriptors} descriptors are left open.`);
  if (leaked.bpf > 0) problems.push(`${leaked.bpf} handles on BPF objects are left.`);
  if (residentMiB > MOST_RESIDENT_MIB) problems.push(`The process takes ${residentMiB} MiB.`);
  return problems;
}

class WatchJudge {
  readonly #observed: Observed;
  readonly #streams: readonly StreamOfWorld[];
  readonly #watch: ObservedWatch;
  readonly #step: WatchStep;
  readonly #keys = new Map<string, string>();
  readonly #problems: string[] = [];

  constructor(
    world: World,
    observed: Observed,
    streams: readonly StreamOfWorld[],
    watch: ObservedWatch,
  ) {
    this.#observed = observed;
    this.#streams = streams;
    this.#watch = watch;
    this.#step = watchStep(world.steps, watch.name);
    for (const [key, homes] of Object.entries(observed.homes)) {
      for (const home of homes) this.#keys.set(home, key);
    }
  }

  problems(): string[] {
    for (const error of this.#watch.errors) this.#say(`it failed: ${error}`);
    for (const ledger of this.#watch.ledgers) this.#judgeLedger(ledger);
    const last = this.#watch.ledgers.at(-1);
    if (last?.isAtRest === true) this.#judgeReports(last);
    this.#judgeValues();
    if (this.#step.reader !== 'summary') {
      this.#judgeNumbers();
      this.#judgeInnocent();
    }
    return this.#problems;
  }

  #judgeLedger(ledger: ObservedLedger): void {
    for (const row of ledger.rows) this.#judgeRow(row, ledger);
    if (!ledger.isAtRest) return;
    const rows = new Set(ledger.rows.map(({ link, counter }) => `${link} ${counter}`));
    for (const link of Object.keys(ledger.before)) {
      if (!this.#isWatched(link)) continue;
      for (const counter of COUNTERS) {
        const least = rise(this.#watch.armed, ledger.before, link, counter);
        if (least > 0 && !rows.has(`${link} ${counter}`)) {
          this.#say(`the ledger lacks ${this.#at(link)} ${counter}, which rose by ${least}`);
        }
      }
    }
  }

  #judgeRow(row: ObservedRow, ledger: ObservedLedger): void {
    const where = `the ledger${ledger.isAtRest ? '' : ' amid traffic'} says of ${this.#at(row.link)} ${row.counter}`;
    const { counted, attributed, filtered, lost, inFlight, unattributed } = row;
    const parts = { attributed, filtered, lost, inFlight, unattributed };
    const sum = Object.values(parts).reduce((all, part) => all + part, 0);
    const account = `counted ${counted}: ${JSON.stringify(parts)}`;
    if (sum !== counted) this.#say(`${where} ${account}, which does not add up`);
    if (Object.values(parts).some((part) => part < 0)) this.#say(`${where} ${account}: negative`);
    const least = rise(this.#watch.armed, ledger.before, row.link, row.counter);
    const most = rise(this.#watch.before, ledger.after, row.link, row.counter);
    const isShown = row.counter !== 'rx_otherhost_dropped';
    if (isShown && (counted < least || counted > most)) {
      this.#say(`${where} counted ${counted}, but ip says ${least} to ${most}`);
    }
    if (unattributed > 0) this.#judgeUnattributed(row, `${where} ${account}`);
    if (ledger.isAtRest && !this.#watch.isMidTraffic && inFlight > 0) {
      const { before, after } = ledger;
      // What was counted while the ledger was made up may be noise.
      if (rise(before, after, row.link, row.counter) === 0 && this.#isCalmStart(row)) {
        this.#say(`${where} ${account} at rest`);
      }
    }
  }

  /** Whether the counter stood still while the watch was armed. */
  #isCalmStart({ link, counter }: ObservedRow): boolean {
    return rise(this.#watch.before, this.#watch.armed, link, counter) === 0;
  }

  #judgeUnattributed(row: ObservedRow, where: string): void {
    const said = `${where} ${JSON.stringify(row.causes)}`;
    if (row.causes.length === 0) this.#say(`${said} without a cause`);
    const known = this.#unattributable(row);
    if (known === undefined) return;
    const unseen = row.counter === 'rx_dropped' ? (this.#observed.unseen ?? 0) : 0;
    if (row.unattributed > known + unseen) {
      this.#say(`${said}, but at most ${known} of them can have no frame of that link`);
    }
  }

  /** How many increments of a counter no drop of that link can explain; undefined: it is not known. */
  #unattributable({ link, counter }: ObservedRow): number | undefined {
    const key = this.#keys.get(link);
    if (this.#streams.some(({ fate }) => fate === undefined)) return undefined;
    return this.#streams
      .filter((stream) => this.#mayHaveSeen(stream))
      .flatMap(({ fate, stream }) =>
        (fate ?? [])
          .filter((one) => one.link === key && one.counter === counter && one.by !== 'frame')
          .map(() => stream.count),
      )
      .reduce((all, count) => all + count, 0);
  }

  /** Holds what was reported until the end against the last ledger. */
  #judgeReports(ledger: ObservedLedger): void {
    const told = this.#reportedByCounter();
    const lost = Object.values(this.#watch.lost).reduce((all, count) => all + count, 0);
    for (const [place, count] of told) {
      const row = ledger.rows.find(({ link, counter }) => `${link} ${counter}` === place);
      const attributed = row?.attributed ?? 0;
      const [netns, ifindex, counter] = place.split(' ');
      const link = `${netns} ${ifindex}`;
      if (!this.#isWatched(link)) {
        this.#say(`it reported ${count} drops of ${this.#at(link)}, which it does not watch`);
        continue;
      }
      const isShown = counter !== 'rx_otherhost_dropped';
      const noise = rise(ledger.before, this.#watch.closed, link, counter ?? '');
      const isTooMany = isShown && count > attributed + noise;
      if (count < attributed - lost || isTooMany) {
        this.#say(
          `it reported ${count} drops with ${this.#at(link)} ${counter}, but the ledger says attributed ${attributed}`,
        );
      }
    }
    for (const { link, counter, attributed } of ledger.rows) {
      if (attributed > lost && !told.has(`${link} ${counter}`)) {
        this.#say(
          `it reported no drop with ${this.#at(link)} ${counter}, but the ledger says attributed ${attributed}`,
        );
      }
    }
  }

  #reportedByCounter(): Map<string, number> {
    const told = new Map(Object.entries(this.#watch.sums));
    for (const { link, counter } of this.#watch.drops) {
      if (counter === undefined) continue;
      const place = `${link} ${counter}`;
      told.set(place, (told.get(place) ?? 0) + 1);
    }
    return told;
  }

  /** On one CPU the values that the drops of a link have rise, and by 1 where nothing comes between. */
  #judgeValues(): void {
    const byPlace = new Map<string, ObservedDrop[]>();
    for (const drop of this.#watch.drops) {
      if (drop.counter === undefined) continue;
      const place = `${drop.link} ${drop.counter}`;
      byPlace.set(place, [...(byPlace.get(place) ?? []), drop]);
    }
    for (const [place, drops] of byPlace) {
      const [netns, ifindex, counter] = place.split(' ');
      const where = `${this.#at(`${netns} ${ifindex}`)} ${counter}`;
      const wrong = drops.find(({ before = 0, after = 0 }) => after !== before + 1);
      if (wrong !== undefined) {
        this.#say(`it reported ${where} ${wrong.before}->${wrong.after}, which is no step of 1`);
      }
      if (new Set(drops.map(({ cpu }) => cpu)).size > 1) continue;
      const values = drops.map(({ after = 0 }) => after);
      const at = values.findIndex((value, index) => index > 0 && value <= (values[index - 1] ?? 0));
      if (at > 0) {
        const around = values.slice(Math.max(0, at - 3), at + 3).join(', ');
        this.#say(`the values of ${where} do not rise: ${around}`);
      }
    }
  }

  /** Frames that the model knows to raise a counter are reported with it: each once, and no others. */
  #judgeNumbers(): void {
    const lost = Object.values(this.#watch.lost).reduce((all, count) => all + count, 0);
    const allowed = lost + (this.#observed.unseen ?? 0);
    const streams = this.#streams.filter(
      (one) => this.#hasSeen(one) && one.stream.length <= MOST_LINEAR_BYTES,
    );
    for (const stream of streams) {
      for (const one of stream.fate ?? []) {
        if (one.by !== 'frame') continue;
        const homes = this.#observed.homes[one.link] ?? [];
        if (!homes.some((home) => this.#isWatched(home))) continue;
        const expected = this.#passes(stream) ? stream.stream.count : 0;
        const numbers = this.#numbersOf(stream, one, homes);
        const distinct = new Set(numbers).size;
        const what = `frames of ${JSON.stringify(stream.stream)} with ${one.link} ${one.counter}`;
        if (distinct < numbers.length) this.#say(`it reported twice ${what}`);
        if (distinct > expected) {
          this.#say(`it reported ${distinct} ${what}, but ${expected} were to be reported`);
        }
        if (distinct < expected - allowed) {
          this.#say(`it reported ${distinct} of ${expected} ${what}`);
        }
      }
    }
  }

  #numbersOf(
    { first, stream: { count } }: StreamOfWorld,
    { counter }: Rise,
    homes: readonly string[],
  ): number[] {
    return this.#watch.drops
      .filter((drop) => homes.includes(drop.link) && drop.counter === counter)
      .flatMap(({ number }) => (number === undefined ? [] : [number]))
      .filter((number) => number >= first && number < first + count);
  }

  /** Frames that raise no counter of a link are not reported with one. */
  #judgeInnocent(): void {
    for (const drop of this.#watch.drops) {
      const { number, counter } = drop;
      if (number === undefined || counter === undefined) continue;
      const stream = this.#streams.find(
        ({ first, stream: { count } }) => number >= first && number < first + count,
      );
      if (stream?.fate === undefined) continue;
      const key = this.#keys.get(drop.link);
      if (stream.fate.some((one) => one.link === key && one.counter === counter)) continue;
      this.#say(
        `it blamed a frame for ${this.#at(drop.link)} ${counter} ${drop.before}->${drop.after} ` +
          `(${drop.reason} @ ${drop.location}) which cannot move it: ${JSON.stringify(stream.stream)}`,
      );
      // One of a kind is enough.
      return;
    }
  }

  /** Whether the watch was armed before the stream began, and was still when it ended. */
  #hasSeen({ step }: StreamOfWorld): boolean {
    return !this.#watch.isMidTraffic ? step >= this.#watch.armedAt : step > this.#watch.armedAt;
  }

  #mayHaveSeen({ step }: StreamOfWorld): boolean {
    return step >= this.#watch.armedAt - 1;
  }

  /** Whether the filters of the watch let frames of the stream pass. */
  #passes({ stream }: StreamOfWorld): boolean {
    const { etherTypes, sources } = this.#step;
    const etherType = stream.frame === 'unknown' ? stream.etherType : 0x0800;
    if (etherTypes !== undefined && !etherTypes.includes(etherType)) return false;
    return sources === undefined || sources.includes(stream.source);
  }

  #isWatched(link: string): boolean {
    const { interfaces } = this.#step;
    const [netns] = link.split(' ').map(Number);
    const { here, there } = this.#observed.namespaces;
    if (this.#step.in === 'all') return netns === here || netns === there;
    if (netns !== this.#observed.namespaces[this.#step.in]) return false;
    if (interfaces === undefined) return true;
    return interfaces.some((key) => this.#observed.homes[key]?.includes(link));
  }

  #at(link: string): string {
    return this.#keys.get(link) ?? link;
  }

  #say(problem: string): void {
    this.#problems.push(`${this.#watch.name}: ${problem}`);
  }
}

function rise(before: Counters, after: Counters, link: string, counter: string): number {
  return Math.max(0, (after[link]?.[counter] ?? 0) - (before[link]?.[counter] ?? 0));
}

function watchStep(steps: readonly Step[], name: string): WatchStep {
  for (const step of steps) {
    const inner = step.do === 'send' ? step.meanwhile : [step];
    for (const one of inner) if (one.do === 'watch' && one.name === name) return one;
  }
  throw new Error(`The world has no watch ${name}.`);
}
