import { readFileSync } from 'node:fs';
import { asked, askedFiles } from '../errors.ts';

/** What receiving has counted on all CPUs, for all network namespaces: softnet_stat of proc(5). */
export interface SoftnetStats {
  /** Frames for which the backlog of a CPU had no room. */
  readonly dropped: bigint;
  /** How often net_rx_action() stopped with work left, for its time or budget was used up. */
  readonly timeSqueeze: bigint;
}

/** The same by CPU; one that is offline has none. Each is a number of 32 bits, which wraps. */
export type SoftnetByCpu = ReadonlyMap<
  number,
  { readonly dropped: number; readonly timeSqueeze: number }
>;

/** Where a /proc that shows nothing but processes (ProcSubset=pid of systemd.exec(5)) has it, too. */
const SOFTNET = '/proc/self/net/softnet_stat';

/** Reads them. SystemCallError when the kernel does not answer: EMFILE, ENOENT. */
export function readSoftnet(): SoftnetByCpu {
  const read = () => askedFiles(() => readFileSync(SOFTNET, 'latin1'));
  return parseSoftnet(asked('reading what the CPUs have dropped', read));
}

/**
 * A line for each CPU, of numbers in hexadecimal: softnet_seq_show(). The thirteenth is the CPU's, since
 * 5.10; before, the line's.
 */
export function parseSoftnet(text: string): SoftnetByCpu {
  const lines = text.trimEnd().split('\n');
  return new Map(
    lines.map((line, index) => {
      const numbers = line.split(' ').map((number) => Number.parseInt(number, 16));
      const [, dropped = 0, timeSqueeze = 0] = numbers;
      return [numbers[12] ?? index, { dropped, timeSqueeze }];
    }),
  );
}

/** By how much they rose from one reading to a later one. */
export function softnetSince(before: SoftnetByCpu, now: SoftnetByCpu): SoftnetStats {
  let [dropped, timeSqueeze] = [0n, 0n];
  for (const [cpu, stats] of now) {
    const start = before.get(cpu);
    // One that came online since then: nobody knows from where on it counts.
    if (start === undefined) continue;
    dropped += BigInt((stats.dropped - start.dropped) >>> 0);
    timeSqueeze += BigInt((stats.timeSqueeze - start.timeSqueeze) >>> 0);
  }
  return { dropped, timeSqueeze };
}
