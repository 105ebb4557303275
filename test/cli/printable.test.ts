import { expect, it } from 'vitest';
import { printable } from '../../lib/cli/printable.ts';

it.each([
  ['eth0.99@veth-é漢', 'eth0.99@veth-é漢'],
  ['a\u001b[31mb', 'a\\x1b[31mb'],
  ['\u0007\u007f\u009b', '\\x07\\x7f\\x9b'],
  ['a\nb\tc', 'a\\x0ab\\x09c'],
  ['\u202eevil\u2028', '\\u{202e}evil\\u{2028}'],
])('shows %j as a terminal can', (text, shown) => {
  expect(printable(text)).toBe(shown);
});
