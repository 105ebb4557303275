import type { Tap } from '../link/taps.ts';
import { hex16 } from './frame-text.ts';
import { printable } from './printable.ts';

/** What open taps mean for whoever looks for drops: a line for each. */
export function tapText(taps: readonly Tap[]): string {
  return taps
    .map(({ interface: name, etherType, processes }) => {
      const where = name === undefined ? 'all interfaces' : printable(name);
      const what =
        etherType === undefined
          ? 'no frame of unknown EtherType'
          : `no frame of ${hex16(etherType)}`;
      return `A tap is open on ${where} (${owners(processes)}): the kernel drops and counts ${what} there.\n`;
    })
    .join('');
}

function owners(processes: Tap['processes']): string {
  if (processes.length === 0) return 'of a process that is hidden here';
  return processes.map(({ pid, name }) => `${printable(name)}, process ${pid}`).join('; ');
}

/** Those that hide drops from a watch of these interfaces; of all, if there are none. */
export function tapsOn(names: readonly string[], taps: readonly Tap[]): Tap[] {
  return taps.filter(
    ({ interface: name }) => name === undefined || names.length === 0 || names.includes(name),
  );
}
