import { injectFrame } from '../../lib/index.ts';
import { linkCounters } from './namespace.ts';

/** The recipe's frame: an EtherType that nobody handles. */
export const UNKNOWN = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
} as const;

const LIMIT_MS = 60_000;

/**
 * Sends `count` of the recipe's frames on `lo` and waits, without a turn of the event loop, until
 * the kernel has dropped them all: it may do so later, in ksoftirqd.
 */
export async function dropUnknown(count = 1): Promise<void> {
  const dropped = () => linkCounters('lo').rx['dropped'] ?? 0;
  const expected = dropped() + count;
  for (let i = 0; i < count; i++) await injectFrame('lo', UNKNOWN);
  const giveUp = performance.now() + LIMIT_MS;
  while (dropped() < expected) {
    if (performance.now() > giveUp) throw new Error('lo did not drop what was sent.');
  }
}
