import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCapture } from '../../lib/capture/read-capture.ts';
import type { CaptureError } from '../../lib/index.ts';
import {
  type FileStyle,
  pcapFile,
  pcapngFile,
  recordEnds,
  type TimedFrame,
} from '../support/capture-file.ts';

const { signal } = new AbortController();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dropscope-capture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const BASE_NS = 1_700_000_000_123_456_000n;

/** Frames in order of time, some of them cut short. */
const frames = fc
  .array(
    fc.record({
      bytes: fc.uint8Array({ maxLength: 200 }),
      laterUs: fc.nat(10_000_000),
      cut: fc.nat(3),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    let timeNs = BASE_NS;
    return list.map(({ bytes, laterUs, cut }): TimedFrame => {
      timeNs += BigInt(laterUs) * 1000n;
      return { bytes, timeNs, original: bytes.length + cut };
    });
  });

const styles = fc.record({
  littleEndian: fc.boolean(),
  digits: fc.constantFrom<FileStyle['digits']>(6, 9),
});

describe.each([
  ['pcap', pcapFile],
  ['pcapng', pcapngFile],
])('%s', (_, write) => {
  it('reads what was written', async () => {
    await fc.assert(
      fc.asyncProperty(frames, styles, async (list, style) => {
        const { bytes, timesNs, truncated, error } = await readAll(write(list, style));
        expect(error).toBeUndefined();
        expect(bytes).toEqual(list.map((frame) => Buffer.from(frame.bytes)));
        const first = list[0]?.timeNs ?? 0n;
        expect(timesNs).toEqual(list.map(({ timeNs }) => Number(timeNs - first)));
        expect(truncated).toBe(list.filter((one) => one.original !== one.bytes.length).length);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the frames before the place where a file ends too early, and that place', async () => {
    await fc.assert(
      fc.asyncProperty(frames, styles, fc.nat(), async (list, style, at) => {
        const whole = write(list, style);
        const end = at % whole.length;
        const { bytes, error } = await readAll(whole.subarray(0, end));
        const ends = recordEnds(whole);
        const complete = ends.filter((one) => one.end <= end);
        const count = complete.filter((one) => one.isFrame).length;
        expect(bytes).toEqual(list.slice(0, count).map((frame) => Buffer.from(frame.bytes)));
        const last = complete.at(-1)?.end ?? 0;
        if (last === end && end > 0) {
          expect(error).toBeUndefined();
          return;
        }
        expect(error).toMatchObject({ code: 'ERR_CAPTURE_FILE' });
        // What is passed over is told by where it ends.
        expect([last, end]).toContain((error as CaptureError).offset);
      }),
      { numRuns: 100 },
    );
  });

  it('survives any bytes that are wrong', async () => {
    await fc.assert(
      fc.asyncProperty(frames, styles, fc.nat(), fc.nat(255), async (list, style, at, value) => {
        const file = write(list, style);
        file[at % file.length] = value;
        const { error } = await readAll(file);
        if (error !== undefined) expect(error).toMatchObject({ name: 'CaptureError' });
      }),
      { numRuns: 200 },
    );
  });

  it('reads what is longer than a piece, and frames that lie across its end', async () => {
    const list = Array.from({ length: 3000 }, (_, i): TimedFrame => {
      const bytes = new Uint8Array(60 + ((i * 7919) % 1455)).fill(i);
      return { bytes, timeNs: BASE_NS + BigInt(i) * 1000n };
    });
    const { bytes, error } = await readAll(write(list, { littleEndian: true, digits: 9 }));
    expect(error).toBeUndefined();
    expect(Buffer.concat(bytes).equals(Buffer.concat(list.map((one) => one.bytes)))).toBe(true);
  });
});

it.each<[string, Buffer, number, string]>([
  ['an empty file', Buffer.alloc(0), 0, 'too short'],
  ['some other file', Buffer.from('#!/bin/sh\n'), 0, 'it is no pcap or pcapng file.'],
  ['a gzip file', Buffer.from('1f8b0800', 'hex'), 0, 'but a gzip file: gunzip it first'],
  ['another link type', linkType(113), 20, 'link type 113, not Ethernet (1)'],
  ['frames with FCS', linkType(0x44000001), 20, 'end with a checksum (FCS)'],
  ['a version to come', version(3), 4, 'version 3 of the pcap format'],
  ['a frame too long', longFrame(), 24, 'a frame of 262145 bytes'],
])('refuses %s', async (_, file, offset, why) => {
  const { bytes, error } = await readAll(file);
  expect(bytes).toEqual([]);
  expect(error).toMatchObject({ offset, message: expect.stringContaining(why) });
});

it('refuses a pcapng file of interfaces without end', async () => {
  const section = pcapngFile([], { littleEndian: true, digits: 9 });
  const description = section.subarray(28);
  const many = Array.from({ length: 70_000 }, () => description);
  const { error } = await readAll(Buffer.concat([section, ...many]));
  expect(error).toMatchObject({
    offset: section.length + 65_535 * description.length,
    message: expect.stringContaining('more than 65536 interfaces'),
  });
});

it('says why it cannot read a file', async () => {
  const missing = join(folder, 'missing');
  const reading = readCapture(missing, signal).next();
  await expect(reading).rejects.toMatchObject({
    name: 'CaptureError',
    message: `The capture file "${missing}" cannot be read: there is no such file.`,
    path: missing,
  });
  await expect(readCapture(folder, signal).next()).rejects.toThrow('it is no file and no pipe');
});

it('passes over a block that is longer than a piece', async () => {
  const frame: TimedFrame = { bytes: new Uint8Array(60), timeNs: BASE_NS };
  const style: FileStyle = { littleEndian: true, digits: 6 };
  const file = pcapngFile([frame], style);
  const long = pcapngFile([{ ...frame, bytes: new Uint8Array(3_000_000) }], style);
  // Its second block of a frame, of a type that nobody knows.
  const unknown = long.subarray(long.length - 3_000_012);
  const packet = file.subarray(file.length - 2 * 60 - 12 - 32, file.length - 60 - 12);
  const { bytes, error } = await readAll(Buffer.concat([file, unknown, packet]));
  expect(error).toBeUndefined();
  expect(bytes).toHaveLength(2);
});

function linkType(type: number): Buffer {
  const file = pcapFile([], { littleEndian: true, digits: 6 });
  file.writeUInt32LE(type, 20);
  return file;
}

function version(major: number): Buffer {
  const file = pcapFile([], { littleEndian: true, digits: 6 });
  file.writeUInt16LE(major, 4);
  return file;
}

function longFrame(): Buffer {
  const frame = { bytes: new Uint8Array(262_145), timeNs: BASE_NS };
  return pcapFile([frame], { littleEndian: true, digits: 6 });
}

async function readAll(
  file: Buffer,
): Promise<{ bytes: Buffer[]; timesNs: number[]; truncated: number; error?: unknown }> {
  const path = join(folder, 'capture');
  writeFileSync(path, file);
  const read = { bytes: [] as Buffer[], timesNs: [] as number[], truncated: 0 };
  try {
    for await (const { bytes, block } of readCapture(path, signal)) {
      block.offsets.forEach((offset, i) => {
        read.bytes.push(Buffer.from(bytes.subarray(offset, offset + (block.lengths[i] ?? 0))));
      });
      read.timesNs.push(...block.timesNs);
      read.truncated += block.truncated;
    }
    return read;
  } catch (error) {
    return { ...read, error };
  }
}
