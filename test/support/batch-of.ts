import type { DropBatch, DropEvent } from '../../lib/index.ts';

/** A batch whose drops have the given ifindexes. */
export function batchOf(ifindexes: readonly number[]): DropBatch {
  return {
    probe: 'ebpf',
    length: ifindexes.length,
    at: (i) => dropOn(ifindexes[i] ?? -1),
    slice: (start, end) => batchOf(ifindexes.slice(start, end)),
    [Symbol.iterator]: () => ifindexes.map(dropOn)[Symbol.iterator](),
  };
}

function dropOn(ifindex: number): DropEvent {
  return {
    probe: 'ebpf',
    time: new Date(0),
    timestampNs: 0n,
    interface: '',
    ifindex,
    netns: 0,
    source: '',
    destination: '',
    etherType: 0,
    length: 0,
    header: new Uint8Array(),
  };
}
