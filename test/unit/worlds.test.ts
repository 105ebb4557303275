import { describe, expect, it } from 'vitest';
import { fatesOf } from '../worlds/fates.ts';
import { drawWorld } from '../worlds/model.ts';
import { type Link, Network, possible } from '../worlds/network.ts';
import { FEATURES, type Step, type World } from '../worlds/world.ts';

const WORLDS = Array.from({ length: 2000 }, (_, seed) => drawWorld(seed, FEATURES));

/** The network after each of the steps, those of streams' meanwhile included. */
function* networksOf({ steps }: World): Generator<Network> {
  const network = new Network();
  for (const step of steps) {
    for (const inner of step.do === 'send' ? step.meanwhile : [step]) {
      expect(network.apply(inner)).toBe(true);
      yield network;
    }
  }
}

function kindsOf({ steps }: World): Step['do'][] {
  return steps.flatMap((step) =>
    step.do === 'send' ? [step.do, ...step.meanwhile.map((inner) => inner.do)] : [step.do],
  );
}

/** Whether frames can go round: the bridges, and the veth pairs between their ports, have a cycle. */
function hasLoop({ links }: Network): boolean {
  const bridgeOf = ({ key, bridge, bond }: Link) => bridge ?? bond ?? key;
  const pairs = [...links.values()].flatMap((link) => {
    const other = link.peer ?? link.on;
    const end = other === undefined ? undefined : links.get(other);
    // Each pair once, from the end whose key comes first.
    if (end === undefined || (link.peer !== undefined && link.key > end.key)) return [];
    return [[bridgeOf(link), bridgeOf(end)] as const];
  });
  const roots = new Map<string, string>();
  const rootOf = (key: string): string => {
    const above = roots.get(key);
    return above === undefined ? key : rootOf(above);
  };
  return pairs.some(([a, b]) => {
    const [rootA, rootB] = [rootOf(a), rootOf(b)];
    roots.set(rootA, rootB);
    return rootA === rootB;
  });
}

describe('a world made at random', () => {
  it('is the same for the same seed', () => {
    expect(drawWorld(7, FEATURES)).toEqual(drawWorld(7, FEATURES));
    expect(drawWorld(7, FEATURES)).not.toEqual(drawWorld(8, FEATURES));
  });

  it('never has a loop that frames could go round', () => {
    for (const world of WORLDS) {
      for (const network of networksOf(world)) {
        if (hasLoop(network)) expect.fail(`seed ${world.seed} has a loop`);
      }
    }
  });

  it('has nothing but possible steps, and watches and sends', () => {
    for (const world of WORLDS) {
      expect(possible(world.steps)).toEqual(world.steps);
      const kinds = kindsOf(world);
      expect(kinds).toContain('watch');
      expect(kinds).toContain('send');
    }
  });

  it('has every kind of link somewhere, and frames whose fate is known', () => {
    const kinds = [...new Set(WORLDS.flatMap(kindsOf))].sort();
    const links = ['bond', 'bridge', 'dummy', 'gretap', 'ipvlan', 'macvlan', 'netkit'];
    const others = ['port', 'tun', 'veth', 'vlan', 'vxlan', 'filter', 'watch', 'ledger', 'close'];
    const events = ['delete', 'down', 'move', 'rename', 'send', 'tap', 'untap', 'up'];
    expect(kinds).toEqual([...links, ...others, ...events].sort());
    const sent = WORLDS.flatMap(fatesOf);
    expect(sent.filter(({ fate }) => fate !== undefined).length / sent.length).toBeGreaterThan(0.5);
  });
});

const PAIR: Step = {
  do: 'veth',
  name: 'v0',
  peer: 'v1',
  in: 'here',
  peerIn: 'here',
  mtu: 1500,
  peerMtu: 1500,
  ipv6: false,
};
const BRIDGE: Step = { do: 'bridge', name: 'b', in: 'here', stp: false, vlanFiltering: false };

describe('the model', () => {
  it('leaves out the second end of a pair as a port, and what depends on steps that are not there', () => {
    const steps: Step[] = [
      PAIR,
      BRIDGE,
      { do: 'port', link: 'v0', of: 'b' },
      { do: 'port', link: 'v1', of: 'b' },
      { do: 'ledger', of: 'w' },
      { do: 'macvlan', name: 'm', on: 'v7', mode: 'bridge' },
    ];
    expect(possible(steps)).toEqual(steps.slice(0, 3));
  });

  it('sees a loop where there is one', () => {
    const network = new Network();
    for (const step of [PAIR, BRIDGE]) network.apply(step);
    for (const key of ['v0', 'v1']) network.link(key).bridge = 'b';
    expect(hasLoop(network)).toBe(true);
  });

  it('knows what a frame of an unknown EtherType moves', () => {
    const stream = {
      on: 'v0',
      cpu: 0,
      frame: 'unknown',
      etherType: 0x7000,
      to: 'broadcast',
      source: 0,
      count: 3,
      length: 64,
    } as const;
    const steps: Step[] = [
      PAIR,
      BRIDGE,
      { do: 'send', streams: [stream, { ...stream, frame: 'udp' }], meanwhile: [] },
      { do: 'port', link: 'v1', of: 'b' },
      { do: 'send', streams: [stream], meanwhile: [] },
    ];
    expect(fatesOf({ seed: 0, steps }).map(({ fate }) => fate)).toEqual([
      [{ link: 'v1', counter: 'rx_dropped', by: 'frame' }],
      [],
      [{ link: 'b', counter: 'rx_dropped', by: 'frame' }],
    ]);
  });
});
