import { execFileSync } from 'node:child_process';
import { type DropEvent, type DropWatch, injectFrame } from '../../lib/index.ts';

/** Nobody handles it, so it raises rx_dropped of `lo` by one. */
const MARKER = {
  source: '00:00:5e:00:53:ff',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
} as const;

/**
 * Keeps the thread of the tests on one CPU. What it sends over veth or lo is then received in the
 * order of sending, also when the kernel puts that off: each CPU has one backlog.
 */
export function stayOnCpu(cpu: number): void {
  execFileSync('taskset', ['--pid', '--cpu-list', String(cpu), String(process.pid)]);
}

/**
 * What a watch tells of the drops before this call: everything up to a marker frame, which is
 * injected on `lo` once `least` drops have come. Those of other CPUs want a `least`. The watch must
 * let the marker pass; `lo` must be up, and is dropped one frame.
 */
export async function collectUntilMarker(watch: DropWatch, least = 0): Promise<DropEvent[]> {
  const drops: DropEvent[] = [];
  if (least === 0) await injectFrame('lo', MARKER);
  for await (const drop of watch) {
    if (isMarker(drop)) return drops;
    drops.push(drop);
    if (drops.length === least) await injectFrame('lo', MARKER);
  }
  throw new Error(`The watch ended after ${drops.length} drops, without the marker.`);
}

/** Whether it is the frame that `collectUntilMarker` waits for. */
export function isMarker({ source }: DropEvent): boolean {
  return source === MARKER.source;
}
