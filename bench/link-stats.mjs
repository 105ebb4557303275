import { readLinkStats } from '../dist/index.js';
import { interleaved, median, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { ip, mustBeEqual } from './network.mjs';

const LINKS = 1000;

/** CPU time of readLinkStats(). */
export async function measure({ rounds, scale }) {
  // lo is the first of them. A peer of veth is a link, too, and 2 of them come at once.
  const pairs = Array.from({ length: (LINKS - 2) / 2 }, (_, i) => veth(`a${i}`, `b${i}`));
  ip(['-batch', '-'], ['link add dev odd type bridge', ...pairs].join('\n'));
  mustBeEqual('Links', (await readLinkStats()).length, LINKS);

  const { one, all } = await interleaved(rounds, {
    one: () => cpuOfEach(20_000 * scale, () => readLinkStats('lo')),
    all: () => cpuOfEach(200 * scale, () => readLinkStats()),
  });
  return {
    title: 'Link statistics: CPU time of one call',
    heads: ['', ...TARGET_HEADS],
    rows: [
      ["readLinkStats('lo')", ...targetCells(median(one), 10e-6, 5e-6, unit(' µs', 1, 1e6))],
      [
        `readLinkStats(), ${LINKS} links`,
        ...targetCells(median(all), 3e-3, 1e-3, unit(' ms', 2, 1e3)),
      ],
    ],
  };
}

function veth(name, peer) {
  return `link add dev ${name} type veth peer name ${peer}`;
}

async function cpuOfEach(calls, call) {
  const start = process.cpuUsage();
  for (let i = 0; i < calls; i++) await call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6 / calls;
}
