import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordBatch } from '../../lib/drops/drop-batch.ts';
import { DropRecords } from '../../lib/drops/drop-record.ts';
import { DropQueue } from '../../lib/watch/drop-queue.ts';
import { buffersShrinkBelow } from '../support/garbage.ts';

const RECORD_BYTES = 144;

/** As many records as one turn of the event loop takes out of the ring. */
const RECORDS_PER_TURN = 16_384;

it('holds little more than the records that wait, whatever buffers they came in', async () => {
  const limit = 4 * RECORDS_PER_TURN;
  const before = process.memoryUsage().arrayBuffers;
  const queue = new DropQueue(limit);
  for (let i = 0; i < 4; i++) queue.push(records(0, RECORDS_PER_TURN));
  // A slow reader: for each drop that it reads, one of thousands finds room.
  for (let i = 0; i < 100; i++) {
    queue.takeEvent();
    expect(queue.push(records(i, RECORDS_PER_TURN))).toBe(RECORDS_PER_TURN - 1);
  }
  await buffersShrinkBelow(before + 2 * limit * RECORD_BYTES);
  expect(queue.takeEvent()?.ifindex).toBe(100);
});

it('keeps drops that came one by one in few pieces of memory', () => {
  const queue = new DropQueue(1000);
  for (let i = 0; i < 1000; i++) queue.push(records(i, 1));
  const lengths: number[] = [];
  const numbers: number[] = [];
  for (let batch = queue.takeBatch(); batch !== undefined; batch = queue.takeBatch()) {
    lengths.push(batch.length);
    numbers.push(...Array.from(batch, ({ ifindex }) => ifindex));
  }
  expect(lengths.length).toBeLessThan(10);
  expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

it('keeps its drops as they were when the buffer they came in is written again', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 400 }), longer: fc.integer({ min: 0, max: 400 }) }),
    fc.constant('event' as const),
    fc.constant('batch' as const),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.array(step), (limit, steps) => {
      const queue = new DropQueue(limit);
      const waiting: number[] = [];
      const taken: { batch: Iterable<{ ifindex: number }>; numbers: number[] }[] = [];
      let next = 0;
      for (const step of steps) {
        if (step === 'event') {
          expect(queue.takeEvent()?.ifindex).toBe(waiting.shift());
        } else if (step === 'batch') {
          const batch = queue.takeBatch();
          if (batch !== undefined) taken.push({ batch, numbers: waiting.splice(0, batch.length) });
        } else {
          const { push, longer } = step;
          const [drained, lent] = lentRecords(next, push, push + longer);
          const refused = queue.push(new RecordBatch(drained));
          waiting.push(...Array.from({ length: push - refused }, (_, i) => next + i));
          next += push;
          if (!drained.isKept) lent.fill(0xff);
        }
      }
      for (const { batch, numbers } of taken) {
        expect(Array.from(batch, ({ ifindex }) => ifindex)).toEqual(numbers);
      }
    }),
  );
});

it('gives drops the time of the clock that they came with', () => {
  const queue = new DropQueue(10);
  const clocks = [0, 1, 3_600_000];
  for (const clockMs of clocks) queue.push(new RecordBatch(lentRecords(0, 1, 1, clockMs)[0]));
  const times = clocks.map(() => queue.takeEvent()?.time.getTime());
  expect(times).toEqual([0, 0, 3_600_000]);
});

it('gives a drop whose header has memory of its own', () => {
  const header = records(1, 100).at(7).header;
  expect(header.buffer.byteLength).toBe(header.byteLength);
});

/** Records whose ifindexes are `first` and on. */
function records(first: number, count: number): RecordBatch {
  return new RecordBatch(lentRecords(first, count, count)[0]);
}

/** Such records in a buffer with room for `room` of them; and the bytes of that. */
function lentRecords(first: number, count: number, room: number, clockMs = 0) {
  const buffer = new ArrayBuffer(room * RECORD_BYTES);
  const view = new DataView(buffer);
  for (let i = 0; i < count; i++) {
    // struct drop_record in native/kernel/drop_record.h: ifindex, headerLength.
    view.setUint32(i * RECORD_BYTES + 24, first + i, true);
    view.setUint16(i * RECORD_BYTES + 42, 60, true);
  }
  return [new DropRecords(buffer, count, CONTEXT, clockMs), new Uint8Array(buffer)] as const;
}

const CONTEXT = {
  probe: 'ebpf' as const,
  recordBytes: RECORD_BYTES,
  reasonName: String,
  functionName: () => undefined,
};
