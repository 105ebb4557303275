import type { DropEvent, ProbeName } from '../drops/drop-event.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';
import { invalidArgument } from '../errors.ts';
import { HeldNamespace } from '../link/held-namespace.ts';
import { type InterfaceRef, resolveInterface } from '../link/interface.ts';
import { readLinkRecords } from '../link/link-record.ts';
import type { DropWatch } from '../watch/drop-watch.ts';
import type { Ledger } from '../watch/ledger.ts';
import { watchDrops } from '../watch/watch-drops.ts';
import { checkNames } from './check-names.ts';
import {
  boundsOf,
  checkExpectation,
  type DropExpectation,
  type DropMatch,
  describeMatch,
  matches,
  normalize,
  type ProofOptions,
  QUIET_MS,
  TIMEOUT_MS,
} from './expectation.ts';
import type { Obstacle } from './obstacles.ts';
import { untilQuiet } from './quiet.ts';
import { Surroundings } from './surroundings.ts';

/** Whether an action caused the drops that it should, and what shows it. */
export interface DropVerdict<T> {
  /**
   * Whether it is as expected, and nothing could change that: nothing unknown, no obstacle, and not too
   * few frames received.
   */
  readonly pass: boolean;
  /** The same in words, with the drops that were seen. */
  readonly message: string;
  /** The drops that are meant. */
  readonly drops: readonly DropEvent[];
  /** Those that were dropped beside them. */
  readonly others: readonly DropEvent[];
  /** What the counters say, held against what was seen. */
  readonly ledger: Ledger;
  /**
   * Drops that were lost or of which it cannot be told whether they are meant, and increments of their
   * counters that no drop explains.
   */
  readonly unknown: bigint;
  /**
   * What may have kept drops from being seen. Any of them keeps `expectNoDrops`, and an expectation with
   * an upper bound, from passing; with an upper bound, a link that was down does so only where no drop was
   * found. At-least expectations pass by the drops that were seen.
   */
  readonly obstacles: readonly Obstacle[];
  /** How many frames the links received meanwhile, whoever sent them: the rise of their `rx_packets`. */
  readonly received: bigint;
  /** Whether the counters stood still at last; the verdict holds of what came until then. */
  readonly quiet: boolean;
  /** What the action gave. */
  readonly result: T;
}

/** Drops that a message tells of. */
const MOST_SHOWN = 10;

/** Probes that report every single drop (the counters probe reports only totals). */
const PROBES: readonly ProbeName[] = ['ebpf', 'systemtap', 'drop-monitor'];

/**
 * Watches, runs `action`, waits until the counters stand still, and tells whether it caused the drops that
 * are expected: by default at least one. Rejects with what the action throws, with an ArgumentError before
 * anything is done, and as `watchDrops` does.
 */
export async function expectDrops<T>(
  action: () => T | Promise<T>,
  expectation: DropExpectation = {},
): Promise<DropVerdict<T>> {
  checkExpectation(expectation, true);
  const { atLeast, atMost } = boundsOf(expectation);
  const seen = await observe(action, expectation);
  const found = seen.drops.length;
  const most = BigInt(found) + seen.unknown;
  const isHindered =
    atMost !== Number.POSITIVE_INFINITY &&
    seen.obstacles.some(({ kind }) => kind !== 'link-down' || found === 0);
  const isAsExpected = found >= atLeast && most <= atMost && !isHindered;
  const expected = `Expected ${countText(atLeast, atMost)} ${describeMatch(expectation)}`;
  return verdict(expected, isAsExpected, seen, expectation);
}

/**
 * As `expectDrops`, for an action that should cause none of the drops that are meant: by default none that
 * moves a counter of drops (`scope: 'all'`: none at all).
 */
export async function expectNoDrops<T>(
  action: () => T | Promise<T>,
  expectation: DropMatch & ProofOptions = {},
): Promise<DropVerdict<T>> {
  checkExpectation(expectation, false);
  const seen = await observe(action, expectation);
  const isAsExpected =
    seen.drops.length === 0 && seen.unknown === 0n && seen.obstacles.length === 0;
  return verdict(`Expected no ${describeMatch(expectation)}`, isAsExpected, seen, expectation);
}

function verdict<T>(
  expected: string,
  isAsExpected: boolean,
  seen: Seen<T>,
  { minReceived = 0 }: ProofOptions,
): DropVerdict<T> {
  const pass = isAsExpected && seen.received >= BigInt(minReceived);
  return { ...seen, pass, message: messageOf(expected, seen, minReceived) };
}

type Seen<T> = Omit<DropVerdict<T>, 'pass' | 'message'>;

async function observe<T>(
  action: () => T | Promise<T>,
  expectation: DropMatch & ProofOptions,
): Promise<Seen<T>> {
  if (typeof action !== 'function') throw invalidArgument('action', 'a function', action);
  const meant = normalize(expectation);
  await checkNames(meant);
  const { networkNamespace, scope = scopeOf(meant), signal, probe = PROBES } = expectation;
  const { quietMs = QUIET_MS, timeoutMs = TIMEOUT_MS } = expectation;
  const target = expectation.interface;
  const watch = await watchDrops({ interface: target, networkNamespace, scope, probe, signal });
  const told: DropEvent[] = [];
  let failure: Error | undefined;
  watch.on('drop', (drop) => told.push(drop));
  watch.on('error', (error) => {
    failure = error;
  });
  try {
    // The watch ends when the process or the name goes by which it was given; the counters stay until then.
    using namespace = new HeldNamespace(networkNamespace, 'options.networkNamespace');
    const ifindexes = ifindexesOf(target, namespace);
    using surroundings = new Surroundings(namespace, ifindexes);
    const look = () => `${told.length} ${dropCounters(ifindexes, namespace)}`;
    const result = await action();
    const quiet = await untilQuiet(look, { quietMs, timeoutMs }, signal);
    const ledger = await watch.ledger().catch((error) => error);
    await watch.close();
    signal?.throwIfAborted();
    if (failure !== undefined || ledger instanceof Error) throw failure ?? ledger;
    const { obstacles, received } = surroundings.end(meant);
    const those = (answer: boolean | undefined) =>
      told.filter((drop) => matches(drop, meant) === answer);
    return {
      drops: those(true),
      others: those(false),
      ledger,
      unknown: unknownOf(watch, ledger, meant) + BigInt(those(undefined).length),
      obstacles,
      received,
      quiet,
      result,
    };
  } finally {
    await watch.close();
  }
}

/** Most reasons and functions move no counter: where one is expected, every drop is looked at. */
function scopeOf({ reason, location, counter }: DropMatch): 'counted' | 'all' {
  return counter === undefined && (reason ?? location) !== undefined ? 'all' : 'counted';
}

/** undefined: all links. */
function ifindexesOf(
  target: ProofOptions['interface'],
  { links }: HeldNamespace,
): readonly number[] | undefined {
  if (target === undefined) return undefined;
  const targets: readonly InterfaceRef[] = isList(target) ? target : [target];
  return targets.map((one) => resolveInterface(one, 'options.interface', links));
}

function isList(target: InterfaceRef | readonly InterfaceRef[]): target is readonly InterfaceRef[] {
  return Array.isArray(target);
}

/** As a text to compare. Others rise on a busy link whatever the action does. */
function dropCounters(ifindexes: readonly number[] | undefined, { links }: HeldNamespace): string {
  return readLinkRecords(0, links)
    .filter(({ ifindex }) => ifindexes?.includes(ifindex) ?? true)
    .map(({ ifindex, rxDropped, txDropped, rxNohandler, rxOtherhostDropped }) =>
      [ifindex, rxDropped, txDropped, rxNohandler, rxOtherhostDropped].join(' '),
    )
    .join();
}

/** What may have been any drop: of a counter that is not meant it was none of those that are. */
function unknownOf({ lost }: DropWatch, { rows }: Ledger, { counter }: DropMatch): bigint {
  const names: readonly string[] = COUNTER_NAMES;
  const unexplained = rows
    .filter((row) => names.includes(row.counter) && (counter ?? row.counter) === row.counter)
    .reduce((sum, row) => sum + row.unattributed + row.inFlight, 0n);
  return BigInt(lost.kernel + lost.queue + lost.output) + unexplained;
}

function countText(atLeast: number, atMost: number): string {
  if (atLeast === atMost) return `${atLeast}`;
  if (atMost === Number.POSITIVE_INFINITY) return `at least ${atLeast}`;
  return `${atLeast} to ${atMost}`;
}

function messageOf<T>(
  expected: string,
  { drops, others, unknown, obstacles, received, quiet }: Seen<T>,
  minReceived: number,
): string {
  const lines = [
    `${expected}; there were ${drops.length}, and ${others.length} others.`,
    receivedText(received, minReceived),
    ...obstacles.map(({ text }) => text),
  ];
  if (unknown > 0n)
    lines.push(`Of ${unknown} more it is not known what they were: see the ledger.`);
  if (!quiet) lines.push('The counters did not stand still in time.');
  const shown = [...drops, ...others];
  lines.push(...shown.slice(0, MOST_SHOWN).map(dropText));
  if (shown.length > MOST_SHOWN) lines.push(`  and ${shown.length - MOST_SHOWN} more`);
  return lines.join('\n');
}

function receivedText(received: bigint, minReceived: number): string {
  const enough = received >= BigInt(minReceived);
  return `Frames received meanwhile: ${received}${enough ? '' : `, where at least ${minReceived} were expected`}.`;
}

function dropText(drop: DropEvent): string {
  const { interface: name, source, destination, etherType, counter, reason, location } = drop;
  const type = `0x${etherType.toString(16).padStart(4, '0')}`;
  const why = `${counter?.name ?? 'no counter'}, ${reason ?? '-'} at ${location ?? '-'}`;
  return `  ${name || '-'}: ${source || '-'} > ${destination || '-'} ${type}, ${why}`;
}
