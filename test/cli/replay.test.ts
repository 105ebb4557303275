import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readLinkStats } from '../../lib/index.ts';
import { pcapFile, type TimedFrame } from '../support/capture-file.ts';
import { linkUp } from '../support/namespace.ts';
import { startNode } from '../support/run-node.ts';
import { dropscope, MAIN, objects } from './dropscope.ts';

let folder: string;
let file: string;

beforeAll(() => {
  linkUp('lo');
  folder = mkdtempSync(join(tmpdir(), 'dropscope-replay-'));
  file = join(folder, 'ten.pcap');
  const bytes = Buffer.alloc(60);
  bytes.write('43214321', 12, 'hex');
  const frames = Array.from({ length: 10 }, (_, i): TimedFrame => ({ bytes, timeNs: BigInt(i) }));
  writeFileSync(file, pcapFile(frames, { littleEndian: true, digits: 9 }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('sends the frames of a file, which the kernel drops', async () => {
  const before = await readLinkStats('lo');
  const { code, stdout } = await dropscope(['replay', 'lo', file, '--loop', '2']);
  expect(stdout).toMatch(
    /^Sent 20 of 20 frames of .*ten\.pcap on lo in \d+\.\d+ s: \d+ a second\n$/,
  );
  expect(code).toBe(0);
  expect((await readLinkStats('lo')).rxDropped - before.rxDropped).toBe(20n);
});

it('tells in JSON what it sent', async () => {
  const { stdout } = await dropscope(['replay', 'lo', file, '--flat-out', '--receive', '--json']);
  expect(objects(stdout)).toEqual([
    {
      event: 'replayed',
      time: expect.any(String),
      interface: 'lo',
      file,
      frames: 10,
      count: 10,
      bytes: 600,
      refused: {},
      truncated: 0,
      engine: 'live-frames',
      seconds: expect.any(Number),
    },
  ]);
});

it('sends what standard input brings: a file, a pipe, or a socket', async () => {
  const sent = /^Sent 10 of 10 frames of \/dev\/stdin on lo in .*\n$/;
  const commands = ['"$0" "$1" replay lo - <"$2"', 'cat "$2" | "$0" "$1" replay lo -'];
  for (const command of commands) {
    const args = ['-c', command, process.execPath, MAIN, file];
    expect((await promisify(execFile)('sh', args)).stdout).toMatch(sent);
  }
  // Node.js gives its children sockets.
  const { child, finish } = startNode([MAIN, 'replay', 'lo', '-']);
  child.stdin.end(readFileSync(file));
  expect(await finish()).toMatchObject({ code: 0, stdout: expect.stringMatching(sent) });
  const { code, stderr } = await dropscope(['replay', 'lo', '-', '--loop', '2']);
  expect(code).toBe(2);
  expect(stderr).toContain('A pipe or standard input can be read once only.');
});

it('says where a file is damaged, after what it sent', async () => {
  const damaged = join(folder, 'damaged.pcap');
  writeFileSync(damaged, Buffer.concat([readFileSync(file), Buffer.of(1, 2, 3)]));
  const { code, stdout, stderr } = await dropscope(['replay', 'lo', damaged]);
  expect(code).toBe(1);
  expect(stdout).toContain('Sent 10 of 10 frames');
  expect(stderr).toBe(
    `dropscope: The capture file "${damaged}" cannot be used from offset 784 on: the file ends in the middle of a record.\n`,
  );
});
