import { styleText } from 'node:util';

/** One cell of a table. */
export interface Cell {
  /** Printable text: see printable.ts. */
  readonly text: string;
  /** As `util.styleText` has it. Shown on a terminal only; NO_COLOR is honoured. */
  readonly style?: Parameters<typeof styleText>[0];
  /** Numbers end where their column ends. */
  readonly right?: boolean;
}

const GAP = '  ';

/** Lines whose cells stand under each other. A column is as wide as its widest cell so far. */
export class Columns {
  readonly #widths: number[] = [];

  /** Makes room for cells whose lines come later. */
  fit(cells: readonly Cell[]): void {
    for (const [index, { text }] of cells.entries()) {
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, text.length);
    }
  }

  /** One line, with its newline. */
  line(cells: readonly Cell[]): string {
    this.fit(cells);
    const padded = cells.map(({ text, style, right = false }, index) => {
      const padding = ' '.repeat((this.#widths[index] ?? 0) - text.length);
      const styled = style === undefined ? text : styleText(style, text);
      return right ? padding + styled : styled + padding;
    });
    return `${padded.join(GAP).trimEnd()}\n`;
  }
}

/** All lines of a table, each with its newline. */
export function table(rows: readonly (readonly Cell[])[]): string {
  const columns = new Columns();
  for (const row of rows) columns.fit(row);
  return rows.map((row) => columns.line(row)).join('');
}
