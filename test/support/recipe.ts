import { injectFrame } from '../../lib/index.ts';

/** The recipe's frame: an EtherType that nobody handles. */
export const UNKNOWN = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
} as const;

/** Sends `count` of the recipe's frames; each raises rx_dropped of who receives it. */
export async function injectUnknown(target: string, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await injectFrame(target, UNKNOWN);
}
