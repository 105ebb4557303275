import { stripVTControlCharacters } from 'node:util';
import type { Output } from './output.ts';

/** Where a table is drawn: over what was drawn before, on a terminal that can do that; else below it. */
export class Screen {
  readonly #output: Output;
  /** A terminal without cursor movement calls itself dumb: term(7). */
  readonly #movesCursor = process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  #lines = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** How many columns it has; as many as are asked for where it is no terminal. */
  get columns(): number {
    return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  }

  async draw(text: string): Promise<void> {
    if (!this.#movesCursor) return await this.#output.write(`${text}\n`);
    // To the first column, for the terminal may have shown ^C; up to the first line, and clear what
    // is below: ECMA-48, CUU and ED.
    const back = this.#lines === 0 ? '' : `\r\x1b[${this.#lines}A\x1b[J`;
    const shown = fitting(text, process.stdout.rows || 24, this.columns);
    // Before the text has room: the next table may be drawn while this one waits for a slow terminal.
    this.#lines = shown.split('\n').length - 1;
    await this.#output.write(back + shown);
  }
}

/** As many lines and columns as the terminal has: what it wraps or scrolls cannot be drawn over. */
function fitting(text: string, rows: number, columns: number): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .slice(0, rows - 1);
  return lines.map((line) => `${fittingLine(line, columns)}\n`).join('');
}

/** A line that is too long loses its colours: they would be cut, too. */
function fittingLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length > columns ? plain.slice(0, columns) : line;
}
