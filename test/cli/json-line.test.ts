import { expect, it } from 'vitest';
import { jsonLine } from '../../lib/cli/json-line.ts';

it('prints every digit of an integer', () => {
  expect(jsonLine({ before: 2n ** 64n - 1n, after: -1n })).toBe(
    '{"before":18446744073709551615,"after":-1}\n',
  );
});

it.each([
  ['\u007f\u009b', '"\\u007f\\u009b"'],
  ['\u202eevil\u2028', '"\\u202eevil\\u2028"'],
  ['\u{e0041}漢', '"\\udb40\\udc41漢"'],
])('escapes what a terminal would act on in %j', (text, json) => {
  expect(jsonLine(text)).toBe(`${json}\n`);
  expect(JSON.parse(jsonLine(text))).toBe(text);
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
