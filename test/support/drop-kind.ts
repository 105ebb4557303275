import { expect, it } from 'vitest';
import {
  type CounterName,
  type DropEvent,
  type EthernetFrame,
  type Ledger,
  type LedgerCause,
  openInjector,
  SystemCallError,
} from '../../lib/index.ts';
import { type Moves, observe } from './drop-scene.ts';

/** How many frames are sent of each kind. */
const FRAMES = 10;

/** A kind of drop: how to make it, and what comes of one frame. */
export interface DropKind {
  /** What is dropped, to come after "tells of". */
  readonly what: string;
  /** Changes the scene before. */
  readonly arrange?: Arrangement;
  /** Which interface it is sent on. */
  readonly on: string;
  readonly frame: EthernetFrame | Uint8Array;
  /** Set where whoever sends it is told of the drop: by ENOBUFS. */
  readonly refused?: boolean;
  readonly drops: readonly ExpectedDrop[];
  /** Where it is not just the counters that `drops` have. */
  readonly moves?: Moves;
  /** What of that no drop explains, and what the ledger says of it. */
  readonly unattributed?: Readonly<Record<string, LedgerCause['kind']>>;
}

/** A drop's interface, reason and location; and its counter if it moved one. */
type ExpectedDrop = readonly [on: string, reason: string, location: string, counter?: CounterName];

/** What it gives is called to change the scene back. */
export type Arrangement = () => Undo | Promise<Undo>;

type Undo = () => unknown;

/** Tests each kind: drops told by both scopes with addresses and EtherType, and counters moved. */
export function testDropKinds(kinds: readonly DropKind[]): void {
  it.each(kinds.map((kind) => [kind.what, kind] as const))('tells of %s', async (_, kind) => {
    const undo = await kind.arrange?.();
    try {
      await testDropKind(kind);
    } finally {
      await undo?.();
    }
  });
}

async function testDropKind(kind: DropKind): Promise<void> {
  using injector = openInjector(kind.on);
  const { all, counted, moved, ledger } = await observe(() => {
    for (let i = 0; i < FRAMES; i++) send(kind, () => injector.send(kind.frame));
  }, kind.drops.length * FRAMES);
  expect(tally(all.map(describeDrop))).toEqual(expectedTally(kind, kind.drops));
  expect(tally(counted.map(describeDrop))).toEqual(
    expectedTally(
      kind,
      kind.drops.filter(([, , , counter]) => counter !== undefined),
    ),
  );
  expect(moved).toEqual(expectedMoves(kind));
  expectLedger(ledger, kind, moved);
}

/** Every increment is told, but for those that the kind names with their cause. */
function expectLedger({ rows }: Ledger, { unattributed = {} }: DropKind, moved: Moves): void {
  const counted: Record<string, Record<string, number>> = {};
  const causes: Record<string, string> = {};
  for (const row of rows) {
    const { interface: name, counter, attributed, filtered, lost, inFlight } = row;
    expect(attributed + filtered + lost + inFlight + row.unattributed).toBe(row.counted);
    expect([filtered, lost, inFlight]).toEqual([0n, 0n, 0n]);
    // That of the marker.
    const marker = name === 'lo' && counter === 'rx_dropped' ? 1 : 0;
    const by = Number(row.counted) - marker;
    if (by !== 0) counted[name] = { ...counted[name], [counter]: by };
    if (row.unattributed === 0n) continue;
    expect(row.causes.map(({ amount }) => amount)).toEqual([row.unattributed]);
    causes[`${name} ${counter}`] = row.causes.map(({ kind }) => kind).join();
  }
  expect(counted).toEqual(moved);
  expect(causes).toEqual(unattributed);
}

function send({ refused = false }: DropKind, attempt: () => void): void {
  try {
    attempt();
  } catch (error) {
    if (refused && error instanceof SystemCallError && error.errnoName === 'ENOBUFS') return;
    throw error;
  }
  if (refused) throw new Error('The kernel took a frame that it was to refuse.');
}

/** One line for each sort of drop, with how many there were. */
function tally(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}

function describeDrop(drop: DropEvent): string {
  const { source, destination, etherType, reason, location, counter } = drop;
  return line(drop.interface, reason, location, counter?.name, [source, destination, etherType]);
}

function expectedTally(kind: DropKind, drops: readonly ExpectedDrop[]): Record<string, number> {
  const sent = sentAddresses(kind.frame);
  const lines = drops.map(([name, reason, at, counter]) => line(name, reason, at, counter, sent));
  return Object.fromEntries(lines.map((text) => [text, FRAMES]));
}

type Addresses = readonly [source: string, destination: string, etherType: number];

function line(
  name: string,
  reason: string | undefined,
  location: string | undefined,
  counter: CounterName | undefined,
  [source, destination, etherType]: Addresses,
): string {
  const why = `${name}: ${reason} @ ${location}, ${counter ?? 'no counter'}`;
  return `${why}, ${source} > ${destination} 0x${etherType.toString(16).padStart(4, '0')}`;
}

function sentAddresses(frame: EthernetFrame | Uint8Array): Addresses {
  if (!(frame instanceof Uint8Array)) {
    return [frame.source ?? '', frame.destination, frame.etherType ?? 0];
  }
  const mac = (start: number) => Buffer.from(frame.subarray(start, start + 6)).toString('hex');
  const colons = (hex: string) => hex.replace(/..(?!$)/g, '$&:');
  return [colons(mac(6)), colons(mac(0)), Buffer.from(frame).readUInt16BE(12)];
}

function expectedMoves({ drops, moves }: DropKind): Moves {
  const each = moves ?? movesOf(drops);
  return Object.fromEntries(
    Object.entries(each).map(([name, counters]) => [
      name,
      Object.fromEntries(Object.entries(counters).map(([counter, by]) => [counter, by * FRAMES])),
    ]),
  );
}

function movesOf(drops: readonly ExpectedDrop[]): Moves {
  const moves: Record<string, Record<string, number>> = {};
  for (const [name, , , counter] of drops) {
    if (counter !== undefined) moves[name] = { ...moves[name], [counter]: 1 };
  }
  return moves;
}
