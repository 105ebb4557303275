import type { DropEvent, DropTotals, LostEvent, ProbeName } from '../drops/drop-event.ts';
import { type Cell, table } from './columns.ts';
import { LOST_WHERE } from './drop-line.ts';
import { hex16 } from './frame-text.ts';
import { jsonLine } from './json-line.ts';
import { Losses } from './losses.ts';
import { printable } from './printable.ts';
import { Talkers } from './talkers.ts';

/** How many talkers are told. */
const MOST = 10;

/** What a watch saw, by whom most, and what was lost: told when it closes. */
export class WatchReport {
  readonly #probe: ProbeName | undefined;
  readonly #start = performance.now();
  readonly #talkers = new Talkers();
  readonly #losses = new Losses();
  #seen = 0;

  /** `probe`: undefined where none was armed. */
  constructor(probe?: ProbeName) {
    this.#probe = probe;
  }

  /** How many drops were counted so far. */
  get seen(): number {
    return this.#seen;
  }

  drop(drop: DropEvent): void {
    this.#seen++;
    this.#talkers.add(drop);
  }

  totals(totals: DropTotals): void {
    this.#seen += totals.count;
    this.#talkers.add(totals, totals.count);
  }

  lost(lost: LostEvent): void {
    this.#losses.add(lost);
  }

  /** For people. */
  toString(): string {
    const time = this.#seconds().toFixed(1);
    const drops = this.#seen === 1 ? '1 drop' : `${this.#seen} drops`;
    return `\nSeen: ${drops} in ${time} s by ${this.#probe}\n${this.#top()}Lost: ${this.#lost()}\n`;
  }

  /** The last line of a watch with --json, but for the error that it failed with. */
  toJson(): string {
    return jsonLine({
      event: 'end',
      time: new Date().toISOString(),
      probe: this.#probe ?? null,
      drops: this.#seen,
      lost: this.#losses.all().reduce((sum, { count }) => sum + count, 0),
      seconds: Number(this.#seconds().toFixed(3)),
    });
  }

  #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  #top(): string {
    if (this.#seen === 0) return '';
    const { talkers, others } = this.#talkers.loudest(MOST);
    const count = this.#talkers.exact ? 'drops' : 'at least';
    const rows = [[count, 'interface', 'source', 'destination', 'ethertype']];
    for (const talker of talkers) {
      const { interface: name, source, destination, etherType } = talker;
      rows.push([String(talker.count), printable(name), source, destination, hex16(etherType)]);
    }
    if (others > 0) rows.push([String(others), 'from others']);
    return table(rows.map((row) => row.map(cell)));
  }

  #lost(): string {
    const places = this.#losses.all().map(({ count, where }) => `${count} (${LOST_WHERE[where]})`);
    return places.length === 0 ? 'none' : places.join(', ');
  }
}

function cell(text: string, column: number): Cell {
  return { text: text === '' ? '-' : text, right: column === 0 };
}
