import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { Output } from '../../lib/cli/output.ts';
import { Screen } from '../../lib/cli/screen.ts';

it('draws over a table that a slow terminal has not taken yet', async () => {
  vi.stubEnv('TERM', 'xterm');
  using _ = aTerminal();
  const texts: string[] = [];
  const taken: (() => void)[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write(text: string, _encoding, done) {
      texts.push(text);
      taken.push(done);
    },
  });
  const screen = new Screen(new Output(slow));
  const drawn = [screen.draw('one\ntwo'), screen.draw('three')];
  for (let i = 0; i < 2; i++) {
    await vi.waitFor(() => expect(texts).toHaveLength(i + 1));
    taken[i]?.();
  }
  await Promise.all(drawn);
  expect(texts).toEqual(['one\ntwo\n', '\r\x1b[2A\x1b[Jthree\n']);
});

/** Standard output is a terminal of 80 columns, until this is disposed. */
function aTerminal(): Disposable {
  const own = Object.getOwnPropertyDescriptors(process.stdout);
  Object.assign(process.stdout, { isTTY: true, columns: 80, rows: 24 });
  return {
    [Symbol.dispose]: () => {
      for (const name of ['isTTY', 'columns', 'rows'] as const) {
        const before = own[name];
        if (before === undefined) Reflect.deleteProperty(process.stdout, name);
        else Object.defineProperty(process.stdout, name, before);
      }
    },
  };
}
