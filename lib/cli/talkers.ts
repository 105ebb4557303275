import type { DropEvent, DropTotals } from '../drops/drop-event.ts';

/** Who sent frames that were dropped, and how many. */
export interface Talker {
  readonly interface: string;
  readonly source: string;
  readonly destination: string;
  readonly etherType: number;
  count: number;
}

/**
 * Drops counted by interface, addresses and EtherType. It keeps at most `limit` talkers: when there
 * are more, the quieter half is forgotten and only its number of drops is kept. Then the count of a
 * talker is what was seen of it since it came, or came back.
 */
export class Talkers {
  readonly #limit: number;
  #talkers = new Map<string, Talker>();
  #forgotten = 0;

  constructor(limit = 16_384) {
    this.#limit = limit;
  }

  /** False: talkers were forgotten, and a count may be too low by what it was then. */
  get exact(): boolean {
    return this.#forgotten === 0;
  }

  /** Drops of one talker; of others, where there is none in `drops`. */
  add(drops: DropEvent | DropTotals, count = 1): void {
    const { interface: name, ifindex, source, destination, etherType } = drops;
    if (source === undefined || destination === undefined || etherType === undefined) {
      this.#forgotten += count;
      return;
    }
    const key = `${source} ${destination} ${etherType} ${ifindex} ${name}`;
    const talker = this.#talkers.get(key);
    if (talker !== undefined) {
      talker.count += count;
      return;
    }
    if (this.#talkers.size >= this.#limit) this.#forget();
    this.#talkers.set(key, { interface: name, source, destination, etherType, count });
  }

  /** The loudest first, at most `most` of them, and how many drops the others had. */
  loudest(most: number): { talkers: readonly Talker[]; others: number } {
    const sorted = [...this.#talkers.values()].sort(byCount);
    const quieter = sorted.slice(most).reduce((sum, { count }) => sum + count, 0);
    return { talkers: sorted.slice(0, most), others: quieter + this.#forgotten };
  }

  #forget(): void {
    const sorted = [...this.#talkers].sort(([, a], [, b]) => byCount(a, b));
    const kept = Math.floor(this.#limit / 2);
    for (const [, { count }] of sorted.slice(kept)) this.#forgotten += count;
    this.#talkers = new Map(sorted.slice(0, kept));
  }
}

function byCount(a: Talker, b: Talker): number {
  return b.count - a.count;
}
