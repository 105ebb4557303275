import type { Tap } from '../link/taps.ts';
import { printable } from './printable.ts';

/** What an open tap means for whoever looks for drops. */
export function tapText(taps: readonly Tap[]): string {
  const all = taps.some((tap) => tap.interface === undefined);
  const names = taps.flatMap((tap) => tap.interface ?? []).map(printable);
  const where = all ? 'all interfaces' : names.join(', ');
  return (
    `A tap (tcpdump, lldpd or the like) is open on ${where}: the kernel drops and counts no frame ` +
    'of unknown EtherType there. See whose it is: sudo ss --packet --processes\n'
  );
}

/** Those that hide drops from a watch of these interfaces; of all, if there are none. */
export function tapsOn(names: readonly string[], taps: readonly Tap[]): Tap[] {
  return taps.filter(
    ({ interface: name }) => name === undefined || names.length === 0 || names.includes(name),
  );
}
