import { ProbeError } from '../../errors.ts';
import type { ProbeOptions } from '../probe.ts';

/** MAXSTRINGLEN of the script, less the NUL. */
const LONGEST = 1023;

/** More drops than these in a tenth of a second are told as totals. The script keeps so many lines. */
const LINES_A_TENTH = 200;

/**
 * The script's globals as `staprun` and `stap -G` take them: NAME=VALUE, all of them numbers. `netns`
 * is the inode number of the network namespace to watch.
 */
export function scriptGlobals(options: ProbeOptions, netns: number): string[] {
  const globals: Record<string, string | number> = {
    netns,
    ifindexes: list(options.ifindexes, (ifindex) => ifindex.toString(16)),
    sources: list(options.sources, addressText),
    destinations: list(options.destinations, addressText),
    ether_types: list(options.etherTypes, (type) => type.toString(16)),
    header_bytes: options.headerBytes,
    lines_a_tenth: LINES_A_TENTH,
  };
  return Object.entries(globals)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => {
      if (String(value).length > LONGEST) throw tooMany(name);
      return `${name}=${value}`;
    });
}

function tooMany(name: string): ProbeError {
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'systemtap', {
    reason: `The systemtap probe has no room for so many ${name.replace('_', ' ')}.`,
    mend: 'Filter by fewer, and look at the others in the drops.',
  });
}

/** Hexadecimal numbers, with a comma behind each. */
function list<T>(values: readonly T[], text: (value: T) => string): string {
  return values.map((value) => `${text(value)},`).join('');
}

function addressText(address: Uint8Array): string {
  return Buffer.from(address).toString('hex');
}
