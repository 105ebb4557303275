import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { isBrokenPipe } from '../../lib/cli/exit-code.ts';
import { Output } from '../../lib/cli/output.ts';

it('waits for a slow reader and says that it is behind', async () => {
  const stream = new PassThrough({ highWaterMark: 4 });
  const output = new Output(stream);
  const written = output.write('too much');
  expect(output.full).toBe(true);
  expect(stream.read().toString()).toBe('too much');
  await written;
  expect(output.full).toBe(false);
});

it('stops waiting when the reader goes away, and discards what comes then', async () => {
  const stream = new Writable({ highWaterMark: 1, write() {} });
  const output = new Output(stream);
  const written = output.write('text');
  const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  stream.destroy(gone);
  await written;
  expect(output.failed.reason).toBe(gone);
  await output.write('more');
  await output.flush();
});

it('stops waiting when the stream is destroyed without an error', async () => {
  const stream = new Writable({ highWaterMark: 1, write() {} });
  const output = new Output(stream);
  const written = output.write('text');
  stream.destroy();
  await written;
  expect(isBrokenPipe(output.failed.reason)).toBe(true);
  await output.flush();
});

it('flushes what a slow reader has not taken yet', async () => {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        chunks.push(chunk);
        done();
      });
    },
  });
  const output = new Output(stream);
  void output.write('one ');
  void output.write('two');
  await output.flush();
  expect(Buffer.concat(chunks).toString()).toBe('one two');
  stream.end();
  await once(stream, 'close');
});
