// play.js NAME: carries out the world that it reads as JSON from standard input, in the network
// namespace that it is started in and a second one, and prints what became known as JSON.
import { readFileSync } from 'node:fs';
import { watchDrops } from '../../dist/index.js';
import { ip, netnsOf, openNamespace } from '../support/namespace.ts';
import { countBpf, countDescriptors } from '../support/resources.ts';
import { etherTypesOf } from './model.ts';
import type { Observed } from './observed.ts';
import { Player } from './player.ts';
import { Witness } from './witness.ts';
import type { World } from './world.ts';

const [name = 'dropscope-world'] = process.argv.slice(2);
const world: World = JSON.parse(readFileSync(0, 'utf8'));
const observed = await play(world, name);
process.stdout.write(JSON.stringify(observed));

async function play({ seed, steps }: World, instance: string): Promise<Observed> {
  ip('link', 'set', 'dev', 'lo', 'up');
  const there = await openNamespace();
  there.ip('link', 'set', 'dev', 'lo', 'up');
  ip('netns', 'attach', 'there', String(there.pid));
  // What a first watch opens and keeps is no leak.
  await (await watchDrops({ probe: 'ebpf' })).close();
  const etherTypes = etherTypesOf(seed);
  const witness = await Witness.start(instance, etherTypes);
  const player = new Player(there);
  try {
    const [descriptors, bpf] = [countDescriptors(), countBpf()];
    const report = await player.play(steps);
    const leaked = { descriptors: countDescriptors() - descriptors, bpf: countBpf() - bpf };
    return {
      namespaces: { here: netnsOf(), there: there.netns },
      ...report,
      unseen: await witness.stop(),
      leaked,
      residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    };
  } finally {
    player.close();
    ip('netns', 'delete', 'there');
    await there[Symbol.asyncDispose]();
  }
}
