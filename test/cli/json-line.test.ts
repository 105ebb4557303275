import { expect, it } from 'vitest';
import { jsonLine } from '../../lib/cli/json-line.ts';

it('prints every digit of an integer', () => {
  expect(jsonLine({ before: 2n ** 64n - 1n, after: -1n })).toBe(
    '{"before":18446744073709551615,"after":-1}\n',
  );
});

it('prints the rest as JSON.stringify does', () => {
  const value = {
    text: 'a"\\\n\u001b\ud800é',
    number: 1.5,
    no: false,
    nothing: null,
    list: [1, 'b', { c: [] }],
    empty: {},
    'odd "key"': 1,
  };
  expect(jsonLine(value)).toBe(`${JSON.stringify(value)}\n`);
});
