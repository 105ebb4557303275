import { type Link, Network, possible } from './network.ts';
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

/** Each costs time when it is armed. */
const MOST_WATCHES = 3;

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
    const random = this.#random;
    this.#topology();
    if (random.chance(0.8)) this.#take(this.#watch());
    for (let left = random.integer(2, 5); left > 0; left -= 1) this.#act();
    if (this.#network.watches.size === 0) this.#take(this.#watch());
    this.#take(this.#send(0));
    return this.#steps;
  }

  #topology(): void {
    const random = this.#random;
    for (let left = random.integer(1, 3); left > 0; left -= 1) this.#veth();
    if (this.#may('bridge', 0.4)) this.#bridge();
    if (this.#may('bond', 0.3)) this.#bond();
    if (this.#may('macvlan', 0.3)) this.#macvlan();
    if (this.#may('ipvlan', 0.2)) this.#upper('ipvlan');
    if (this.#may('vlan', 0.4)) this.#vlan();
    if (this.#may('vxlan', 0.15)) this.#upper('vxlan');
    if (this.#may('gretap', 0.15)) this.#upper('gretap');
    if (this.#may('netkit', 0.3)) {
      const [name, peer] = [this.#name('n'), this.#name('n')];
      this.#take({ do: 'netkit', name, peer, in: this.#place(), peerIn: this.#place() });
    }
    if (this.#may('dummy', 0.2)) this.#take({ do: 'dummy', name: this.#name('d'), in: 'here' });
    if (this.#may('tun', 0.3)) {
      const mode = random.pick(['tun', 'tap'] as const);
      this.#take({ do: 'tun', name: this.#name('t'), in: this.#place(), mode });
    }
    for (const how of ['ingress', 'nft', 'xdp', 'egress', 'tbf', 'netem'] as const) {
      if (!this.#may(how === 'egress' ? 'ingress' : how, 0.06)) continue;
      this.#take({ do: 'filter', link: this.#any((link) => link.kind === 'veth').key, how });
    }
  }

  /** Something that happens while nothing is sent, or frames that are sent while things happen. */
  #act(): void {
    if (this.#random.chance(0.5)) {
      this.#take(this.#send(this.#random.integer(0, 3)));
      return;
    }
    const step = this.#event();
    if (step !== undefined) this.#take(step);
  }

  #event(): Step | undefined {
    const random = this.#random;
    const links = this.#links(() => true);
    if (links.length === 0) return undefined;
    const watches = [...this.#network.watches.keys()];
    const taps = [...this.#network.taps.keys()];
    const link = random.pick(links).key;
    const kind = random.pick([
      ...(['watch', 'ledger', 'ledger', 'close', 'tap', 'tap', 'untap'] as const),
      ...(['down', 'up', 'up', 'rename', 'move', 'delete'] as const),
    ]);
    switch (kind) {
      case 'watch':
        return watches.length < MOST_WATCHES ? this.#watch() : undefined;
      case 'ledger':
        return watches.length > 0 ? { do: kind, of: random.pick(watches) } : undefined;
      case 'close':
        return watches.length > 1 ? { do: kind, watch: random.pick(watches) } : undefined;
      case 'tap': {
        const etherType = random.chance(0.5) ? random.pick(this.#etherTypes) : undefined;
        const tap = { do: kind, name: this.#name('p'), on: link } as const;
        return etherType === undefined ? tap : { ...tap, etherType };
      }
      case 'untap':
        return taps.length > 0 ? { do: kind, name: random.pick(taps) } : undefined;
      case 'rename':
        return { do: kind, link, to: this.#name('r') };
      case 'move':
        return { do: kind, link, to: this.#place() };
      default:
        return { do: kind, link };
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

  #bond(): void {
    const ends = this.#links((link) => link.kind === 'veth');
    const [active, inactive] = [this.#random.pick(ends).key, this.#random.pick(ends).key];
    this.#take({ do: 'bond', name: this.#name('o'), active, inactive });
  }

  #upper(kind: 'ipvlan' | 'vxlan' | 'gretap'): void {
    const on = this.#any((link) => link.kind === 'veth').key;
    const name = this.#name('x');
    const mode = this.#random.pick(['l2', 'l3'] as const);
    this.#take(kind === 'ipvlan' ? { do: kind, name, on, mode } : { do: kind, name, on });
  }

  #watch(): WatchStep {
    const random = this.#random;
    const place = random.chance(0.2) ? 'all' : this.#place();
    const isThere = place === 'there';
    const mine = this.#links((link) => link.place === place);
    const interfaces = mine.length > 0 && random.chance(0.3) ? [random.pick(mine).key] : undefined;
    const isSmall = random.chance(0.1);
    return {
      do: 'watch',
      name: this.#name('w'),
      scope: random.pick(['counted', 'all'] as const),
      in: place,
      by: isThere ? random.pick(['pid', 'name', 'path'] as const) : 'default',
      headerBytes: random.pick([64, 64, 96, 256]),
      ringBytes: isSmall ? 4096 : 2 ** 22,
      queueLimit: random.chance(0.1) ? 16 : 65_536,
      reader: random.pick(['listener', 'loop', 'batches', 'summary'] as const),
      ...(interfaces !== undefined && { interfaces }),
      ...(random.chance(0.15) && { etherTypes: [random.pick(this.#etherTypes)] }),
      ...(random.chance(0.15) && { sources: [random.integer(0, 1)] }),
    };
  }

  /** Frames, and so many events while they are sent. */
  #send(events: number): SendStep {
    const random = this.#random;
    if (this.#network.links.size === 0) this.#veth();
    const streams = Array.from({ length: random.integer(1, 3) }, () => this.#stream());
    const meanwhile = Array.from({ length: events }, () => this.#event()).flatMap((step) =>
      step === undefined ? [] : [step],
    );
    return { do: 'send', streams, meanwhile };
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
    for (const taken of possible([step], this.#network)) this.#steps.push(taken);
  }
}
