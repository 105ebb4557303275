import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { injectFrame, watchDrops } from '../../lib/index.ts';
import { collectUntilMarker } from '../support/collect.ts';
import { frameSender } from '../support/frame-sender.ts';
import { linkUp, netnsOf, openNamespace } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

/** Sees three drops on the first interface of a namespace that has just been made; tells of them. */
const SEE_THREE = `
  import { execFileSync } from 'node:child_process';
  import { injectFrame, watchDrops } from '${SDK}';
  execFileSync('ip', ['link', 'set', 'dev', 'lo', 'up']);
  const drops = await watchDrops();
  const frame = ${JSON.stringify(UNKNOWN)};
  for (let i = 0; i < 3; i++) await injectFrame('lo', frame);
  await drops.close();
  const told = [];
  for await (const { netns, counter } of drops) told.push([netns, Number(counter.after)]);
  console.log(JSON.stringify(told));
`;

beforeAll(() => linkUp('lo'));

it.each(['counted', 'all'] as const)('tells of no other namespace in scope %s', async (scope) => {
  await using other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  await using drops = await watchDrops({ scope });
  await other.exec(...frameSender({ on: 'lo', count: 100 }));
  await injectFrame('lo', UNKNOWN);
  await other.exec(...frameSender({ on: 'lo', count: 100 }));
  const told = await collectUntilMarker(drops);
  expect(told.map(({ netns, source }) => [netns, source])).toEqual([[netnsOf(), UNKNOWN.source]]);
});

it('tells each of 50 namespaces its own drops, and whoever watches meanwhile none of them', async () => {
  await using drops = await watchDrops({ scope: 'all' });
  const seen = new Set<number>();
  for (let i = 0; i < 25; i++) {
    for (const told of await Promise.all([seeThree(), seeThree()])) {
      const [netns = 0] = told[0] ?? [];
      expect(told).toEqual([1, 2, 3].map((after) => [netns, after]));
      seen.add(netns);
    }
  }
  expect(seen).not.toContain(netnsOf());
  await injectFrame('lo', UNKNOWN);
  const told = await collectUntilMarker(drops);
  expect(told.map(({ netns, source }) => [netns, source])).toEqual([[netnsOf(), UNKNOWN.source]]);
}, 120_000);

async function seeThree(): Promise<[netns: number, after: number][]> {
  const node = [process.execPath, '--input-type=module', '-e', SEE_THREE];
  const { stdout } = await promisify(execFile)('unshare', ['--net', '--', ...node]);
  return JSON.parse(stdout);
}
