import { type CounterName, type DropEvent, type Ledger, watchDrops } from '../../lib/index.ts';
import { collectUntilMarker, isMarker, stayOnCpu } from './collect.ts';
import { readAllDropCounters } from './link-counters.ts';
import { carrier } from './links.ts';
import { ip, linkUp, vethPair } from './namespace.ts';
import { takeAll } from './take.ts';

/** The MAC address of `b`. */
export const B = '00:00:5e:00:53:0b';

/** How far link counters moved, by interface. What did not move is left out. */
export type Moves = Readonly<Record<string, Readonly<Partial<Record<CounterName, number>>>>>;

/** What became of frames. */
export interface Observation {
  /** What a watch of scope 'all' told. */
  readonly all: readonly DropEvent[];
  /** What a watch of scope 'counted' told. */
  readonly counted: readonly DropEvent[];
  readonly moved: Moves;
  /** Of the watch of scope 'counted', at rest. */
  readonly ledger: Ledger;
}

/** `a` and `b`: what is sent on one is received by the other. Both are up and quiet; so is `lo`. */
export async function vethScene(): Promise<void> {
  linkUp('lo');
  vethPair('a', 'b');
  ip('link', 'set', 'dev', 'b', 'address', B);
  for (const name of ['a', 'b']) linkUp(name);
  for (const name of ['a', 'b']) await carrier(name);
}

/** Watches what `act` does to frames, of which at least `least` are dropped. */
export async function observe(act: () => void | Promise<void>, least = 0): Promise<Observation> {
  stayOnCpu(0);
  await using all = await watchDrops({ scope: 'all' });
  await using counted = await watchDrops();
  const before = await readAllDropCounters();
  await act();
  const told = await collectUntilMarker(all, least);
  const ledger = await counted.ledger();
  await counted.close();
  return {
    all: told,
    counted: (await takeAll(counted)).filter((drop) => !isMarker(drop)),
    ledger,
    moved: difference(before, await readAllDropCounters()),
  };
}

type Counters = Awaited<ReturnType<typeof readAllDropCounters>>;

function difference(before: Counters, after: Counters): Moves {
  const moves: Record<string, Partial<Record<CounterName, number>>> = {};
  for (const [name, counters] of after) {
    for (const counter of COUNTERS) {
      const marker = name === 'lo' && counter === 'rx_dropped' ? 1 : 0;
      const moved = Number(counters[counter] - (before.get(name)?.[counter] ?? 0n)) - marker;
      if (moved !== 0) moves[name] = { ...moves[name], [counter]: moved };
    }
  }
  return moves;
}

const COUNTERS: readonly CounterName[] = [
  'rx_dropped',
  'tx_dropped',
  'rx_nohandler',
  'rx_otherhost_dropped',
];
