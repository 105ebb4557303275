/** The middle of some numbers; of an even count, the upper of the two. */
export function median(values) {
  return quantile(values, 0.5);
}

/** The value below which a share of some numbers lies. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * Runs each of `variants` once a round, one after the other, so that what else this machine does
 * hits all alike. The first round warms up and does not count. Gives each variant's results, round
 * by round.
 * @template T
 * @param {number} rounds
 * @param {Record<string, () => T | Promise<T>>} variants
 * @returns {Promise<Record<string, T[]>>}
 */
export async function interleaved(rounds, variants) {
  const results = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(variants)) {
      const result = await run();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}

/** The median of a number that each result has. */
export function medianOf(results, read) {
  return median(results.map(read));
}

/** The median over the rounds of how a number of `results` compares with that of `peers`. */
export function medianRatio(results, peers, read) {
  return median(results.map((result, round) => read(result) / read(peers[round])));
}

/** A measured value beside its targets, as cells of a table. More is better where `toward` is more. */
export function targetCells(value, atLeast, toward, format = String) {
  const reaches = (target) => (toward > atLeast ? value >= target : value <= target);
  const verdict = reaches(toward) ? 'goal reached' : reaches(atLeast) ? 'holds' : 'MISSED';
  return [format(value), format(atLeast), format(toward), verdict];
}

/** The heads of what `targetCells` gives. */
export const TARGET_HEADS = ['measured', 'at least', 'toward', ''];

/** A number of some unit with a fixed count of digits behind the point. */
export function unit(name, digits = 0, scale = 1) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const format = new Intl.NumberFormat('en', options);
  return (value) => `${format.format(value * scale)}${name}`;
}

/**
 * Prints a table with its columns aligned: the first to the left, the others to the right.
 * @param {{ title: string, heads: string[], rows: string[][], notes?: string[] }} table
 */
export function printTable({ title, heads, rows, notes = [] }) {
  const lines = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell, column) =>
    column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]);
  console.log(`\n${title}`);
  for (const line of lines) console.log(`  ${line.map(pad).join('  ')}`.trimEnd());
  for (const note of notes) console.log(`  (${note})`);
}
