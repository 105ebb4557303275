import { expect, it } from 'vitest';
import { Columns, table } from '../../lib/cli/columns.ts';

it('sets the cells of a table under each other', () => {
  const rows = [
    [{ text: 'name' }, { text: 'count', right: true }, { text: 'why' }],
    [{ text: 'lo' }, { text: '7', right: true }, { text: '' }],
  ];
  expect(table(rows)).toBe('name  count  why\nlo        7\n');
});

it('keeps a column as wide as its widest cell so far', () => {
  const columns = new Columns();
  expect(columns.line([{ text: 'a' }, { text: 'x' }])).toBe('a  x\n');
  expect(columns.line([{ text: 'abc' }, { text: 'x' }])).toBe('abc  x\n');
  expect(columns.line([{ text: 'a' }, { text: 'x' }])).toBe('a    x\n');
});
