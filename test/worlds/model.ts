import { type Link, Network } from './network.ts';
import { Random } from './random.ts';
import type { Feature, Place, SendStep, Step, Stream, WatchStep, World } from './world.ts';

/** Draws a world of links that a kernel with these features can make. */
export function drawWorld(seed: number, features: readonly Feature[]): World {
  const painter = new Painter(seed, features);
  return { seed, steps: painter.paint() };
}

/**
 * Two EtherTypes that nobody handles, and that no world with a seed nearby uses: ftrace sees the
 * drops of the whole machine.
 */
export function etherTypesOf(seed: number): readonly [number, number] {
  const first = 0x7000 + ((seed * 2) & 0xffe);
  return [first, first + 1];
}

const MTUS = [1500, 1500, 1500, 1280, 576, 2000, 9000, 68] as const;

class Painter {
  readonly #random: Random;
  readonly #features: readonly Feature[];
  readonly #network = new Network();
  readonly #steps: Step[] = [];
  readonly #etherTypes: readonly [number, number];
  #names = 0;

  constructor(seed: number, features: readonly Feature[]) {
    this.#random = new Random(seed);
    this.#features = features;
    this.#etherTypes = etherTypesOf(seed);
  }

  paint(): Step[] {
    this.#topology();
    const random = this.#random;
    const isEarly = random.chance(0.8);
    if (isEarly) this.#take(this.#watch());
    for (let left = random.integer(1, 3); left > 0; left -= 1) this.#take(this.#send());
    if (!isEarly) this.#take(this.#watch());
    if (this.#steps.every((step) => step.do !== 'watch')) this.#take(this.#watch());
    this.#take(this.#send());
    return this.#steps;
  }

  #topology(): void {
    const random = this.#random;
    for (let left = random.integer(1, 3); left > 0; left -= 1) this.#veth();
    if (this.#may('bridge', 0.4)) this.#bridge();
    if (this.#may('macvlan', 0.3)) this.#macvlan();
    if (this.#may('vlan', 0.4)) this.#vlan();
    if (this.#may('dummy', 0.2)) this.#take({ do: 'dummy', name: this.#name('d'), in: 'here' });
    if (this.#may('tun', 0.3)) {
      const mode = random.pick(['tun', 'tap'] as const);
      this.#take({ do: 'tun', name: this.#name('t'), in: this.#place(), mode });
    }
  }

  #veth(): void {
    const random = this.#random;
    const mtu = random.pick(MTUS);
    const place = this.#place();
    this.#take({
      do: 'veth',
      name: this.#name('v'),
      peer: this.#name('v'),
      in: place,
      peerIn: this.#place(),
      mtu,
      peerMtu: random.chance(0.7) ? mtu : random.pick(MTUS),
      ipv6: random.chance(0.7),
    });
  }

  #bridge(): void {
    const random = this.#random;
    const name = this.#name('b');
    const place = this.#place();
    this.#take({
      do: 'bridge',
      name,
      in: place,
      stp: random.chance(0.2),
      vlanFiltering: this.#may('vlanFiltering', 0.3),
    });
    for (const link of this.#links((candidate) => candidate.place === place)) {
      if (random.chance(0.6)) this.#take({ do: 'port', link: link.key, of: name });
    }
  }

  #macvlan(): void {
    const random = this.#random;
    const lower = this.#any((link) => link.kind === 'veth');
    this.#take({
      do: 'macvlan',
      name: this.#name('m'),
      on: lower.key,
      mode: random.pick(['bridge', 'private', 'vepa'] as const),
      ...(random.chance(0.3) && { queue: 1 }),
    });
  }

  #vlan(): void {
    const random = this.#random;
    const lower = this.#any((link) => link.kind === 'veth');
    const protocol = random.pick(['802.1Q', '802.1Q', '802.1ad'] as const);
    this.#take({
      do: 'vlan',
      name: this.#name('q'),
      on: lower.key,
      id: random.pick([5, 6]),
      protocol,
    });
  }

  #watch(): WatchStep {
    const random = this.#random;
    const place = this.#place();
    const isThere = place === 'there';
    const mine = this.#links((link) => link.place === place);
    const interfaces = mine.length > 0 && random.chance(0.3) ? [random.pick(mine).key] : undefined;
    return {
      do: 'watch',
      name: this.#name('w'),
      scope: random.pick(['counted', 'all'] as const),
      in: place,
      by: isThere ? random.pick(['pid', 'name', 'path'] as const) : 'default',
      headerBytes: random.pick([64, 64, 96, 256]),
      ringBytes: 2 ** 22,
      queueLimit: 65_536,
      reader: random.pick(['listener', 'loop', 'batches', 'summary'] as const),
      ...(interfaces !== undefined && { interfaces }),
      ...(random.chance(0.15) && { etherTypes: [random.pick(this.#etherTypes)] }),
      ...(random.chance(0.15) && { sources: [random.integer(0, 1)] }),
    };
  }

  #send(): SendStep {
    const random = this.#random;
    const streams = Array.from({ length: random.integer(1, 3) }, () => this.#stream());
    return { do: 'send', streams, meanwhile: [] };
  }

  #stream(): Stream {
    const random = this.#random;
    const link = this.#any(() => true);
    const frames: readonly Stream['frame'][] =
      link.kind === 'tun' ? ['udp', 'version0'] : ['unknown', 'unknown', 'unknown', 'udp'];
    const frame = random.pick(frames);
    const isTagged = link.kind !== 'tun' && random.chance(0.25);
    const most = link.mtu + 14;
    const length = random.chance(0.5)
      ? Math.min(most, 64)
      : random.integer(Math.min(most, 64), most);
    return {
      on: link.key,
      cpu: random.integer(0, 1),
      frame,
      etherType: random.pick(this.#etherTypes),
      to: random.pick(['receiver', 'receiver', 'stranger', 'broadcast'] as const),
      ...(isTagged && {
        vlan: {
          id: random.pick([0, 5, 99]),
          protocol: random.pick(['802.1Q', '802.1ad'] as const),
        },
      }),
      source: random.integer(0, 2),
      count: random.chance(0.7) ? random.integer(1, 40) : random.integer(100, 400),
      length,
    };
  }

  #may(feature: Feature, probability: number): boolean {
    // Drawn in any case, so that worlds differ as little as possible between kernels.
    return this.#random.chance(probability) && this.#features.includes(feature);
  }

  #place(): Place {
    return this.#random.chance(0.7) ? 'here' : 'there';
  }

  #name(kind: string): string {
    const number = this.#names;
    this.#names += 1;
    return `${kind}${number}`;
  }

  #links(suits: (link: Link) => boolean): Link[] {
    return [...this.#network.links.values()].filter(suits);
  }

  #any(suits: (link: Link) => boolean): Link {
    return this.#random.pick(this.#links(suits));
  }

  #take(step: Step): void {
    if (this.#network.apply(step)) this.#steps.push(step);
  }
}
