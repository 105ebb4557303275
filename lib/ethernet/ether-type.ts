import { invalidArgument } from '../errors.ts';

/** The least EtherType: IEEE 802.3, 3.2.6. */
const LEAST = 0x0600;
const GREATEST = 0xffff;

/**
 * Refuses with an ArgumentError what is no EtherType: an integer from 0x0600 to 0xffff. Which of
 * them means something is not asked: the set is open.
 */
export function checkEtherType(
  etherType: number | undefined,
  argument: string,
): asserts etherType is number {
  const isNumber = etherType !== undefined && Number.isInteger(etherType);
  if (isNumber && etherType >= LEAST && etherType <= GREATEST) return;
  throw invalidArgument(argument, 'an EtherType from 0x0600 to 0xffff', etherType, mend(etherType));
}

function mend(received: unknown): string {
  if (typeof received !== 'number') return 'Give it as a number, such as 0x0800.';
  return received >= 0 && received < LEAST ? 'Values below 0x0600 are lengths in IEEE 802.3.' : '';
}
