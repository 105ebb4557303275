import type { Place, Step, TapStep, WatchStep } from './world.ts';

/** A link as the model sees it. Its key is the name that it was made by; it may have another one now. */
export interface Link {
  readonly key: string;
  readonly kind: 'veth' | 'bridge' | 'vlan' | 'macvlan' | 'dummy' | 'tun' | 'tap';
  /** Counts the links of a world; its addresses are made of it. */
  readonly number: number;
  readonly mtu: number;
  readonly ipv6: boolean;
  place: Place;
  up: boolean;
  /** The other end of a veth pair. */
  readonly peer?: string;
  /** The link that a VLAN or macvlan device is on. */
  readonly on?: string;
  /** The bridge that it is a port of. */
  bridge: string | undefined;
  readonly stp: boolean;
  readonly vlanFiltering: boolean;
  readonly vlan?: { readonly id: number; readonly protocol: '802.1Q' | '802.1ad' };
  /** Whether broadcasts may find the queue of a macvlan full. */
  readonly shortQueue: boolean;
}

/** The network of a world after some of its steps. Steps name links by their keys. */
export class Network {
  readonly links = new Map<string, Link>();
  readonly taps = new Map<string, TapStep>();
  readonly watches = new Map<string, WatchStep>();
  #made = 0;
  readonly #names = new Set<string>();

  /** The link of that key; throws where there is none. */
  link(key: string): Link {
    const link = this.links.get(key);
    if (link === undefined) throw new Error(`The model has no link ${key}.`);
    return link;
  }

  /** The VLAN and macvlan devices on a link. */
  uppers(key: string): Link[] {
    return [...this.links.values()].filter(({ on }) => on === key);
  }

  /** The ports of a bridge. */
  ports(key: string): Link[] {
    return [...this.links.values()].filter(({ bridge }) => bridge === key);
  }

  /** Takes a step. Gives false, and changes nothing, where the step is impossible or unsafe. */
  apply(step: Step): boolean {
    switch (step.do) {
      case 'veth': {
        if (step.name === step.peer || !this.#areNew(step.name, step.peer)) return false;
        const { ipv6 } = step;
        this.#add(step.name, 'veth', { place: step.in, mtu: step.mtu, peer: step.peer, ipv6 });
        this.#add(step.peer, 'veth', {
          place: step.peerIn,
          mtu: step.peerMtu,
          peer: step.name,
          ipv6,
        });
        return true;
      }
      case 'bridge': {
        if (!this.#areNew(step.name)) return false;
        const { stp, vlanFiltering } = step;
        this.#add(step.name, 'bridge', { place: step.in, stp, vlanFiltering });
        return true;
      }
      case 'dummy':
      case 'tun': {
        if (!this.#areNew(step.name)) return false;
        this.#add(step.name, step.do === 'dummy' ? 'dummy' : step.mode, { place: step.in });
        return true;
      }
      case 'vlan':
      case 'macvlan': {
        const lower = this.links.get(step.on);
        if (!this.#areNew(step.name) || lower === undefined || !this.#mayCarry(lower, step.do)) {
          return false;
        }
        this.#add(step.name, step.do, {
          place: lower.place,
          mtu: lower.mtu,
          on: lower.key,
          ...(step.do === 'vlan' && { vlan: { id: step.id, protocol: step.protocol } }),
          shortQueue: step.do === 'macvlan' && step.queue !== undefined,
        });
        return true;
      }
      case 'port': {
        const link = this.links.get(step.link);
        const bridge = this.links.get(step.of);
        if (link === undefined || bridge?.kind !== 'bridge' || !this.#mayBePort(link, bridge)) {
          return false;
        }
        link.bridge = bridge.key;
        return true;
      }
      case 'up':
      case 'down': {
        const link = this.links.get(step.link);
        if (link === undefined || link.up === (step.do === 'up')) return false;
        link.up = step.do === 'up';
        return true;
      }
      case 'rename': {
        if (!this.links.has(step.link) || !this.#areNew(step.to)) return false;
        this.#names.add(step.to);
        return true;
      }
      case 'delete':
        return this.#delete(step.link);
      case 'move': {
        const link = this.links.get(step.link);
        if (link === undefined || link.place === step.to || !this.#mayMove(link)) return false;
        link.place = step.to;
        link.up = false;
        link.bridge = undefined;
        return true;
      }
      case 'tap':
        if (this.taps.has(step.name) || !this.links.has(step.on)) return false;
        this.taps.set(step.name, step);
        return true;
      case 'untap':
        return this.taps.delete(step.name);
      case 'watch': {
        if (this.watches.has(step.name)) return false;
        const all = step.interfaces?.every((key) => this.links.get(key)?.place === step.in);
        if (all === false) return false;
        this.watches.set(step.name, step);
        return true;
      }
      case 'ledger':
        return this.watches.has(step.of);
      case 'close':
        return this.watches.delete(step.watch);
      case 'send':
        return step.streams.length > 0;
    }
  }

  #areNew(...names: readonly string[]): boolean {
    return names.every((name) => !this.#names.has(name));
  }

  #add(
    key: string,
    kind: Link['kind'],
    rest: Partial<Omit<Link, 'key' | 'kind' | 'number'>> & { readonly place: Place },
  ): void {
    this.#names.add(key);
    this.links.set(key, {
      key,
      kind,
      number: this.#made++,
      mtu: 1500,
      ipv6: true,
      up: true,
      bridge: undefined,
      stp: false,
      vlanFiltering: false,
      shortQueue: false,
      ...rest,
    });
  }

  #mayCarry(lower: Link, kind: 'vlan' | 'macvlan'): boolean {
    if (lower.kind !== 'veth' || lower.bridge !== undefined) return false;
    // The model does not follow what macvlan devices on one link send each other.
    return kind === 'vlan' || !this.uppers(lower.key).some((upper) => upper.kind === 'macvlan');
  }

  /**
   * Only veth ends and taps are ports, and never both ends of a pair: so no two bridges are connected,
   * no bridge twice with itself, and no frame can go round.
   */
  #mayBePort(link: Link, bridge: Link): boolean {
    if (link.place !== bridge.place || link.bridge !== undefined) return false;
    if (this.uppers(link.key).length > 0) return false;
    if (link.kind === 'tap') return true;
    if (link.kind !== 'veth' || link.peer === undefined) return false;
    return this.links.get(link.peer)?.bridge === undefined;
  }

  #mayMove(link: Link): boolean {
    return link.kind !== 'bridge' && this.uppers(link.key).length === 0;
  }

  #delete(key: string): boolean {
    const link = this.links.get(key);
    // The process that holds a tun device is told by nobody that it is gone.
    if (link === undefined || link.kind === 'tun' || link.kind === 'tap') return false;
    for (const gone of [link, ...(link.peer === undefined ? [] : [this.link(link.peer)])]) {
      for (const upper of this.uppers(gone.key)) this.#forget(upper.key);
      for (const port of this.ports(gone.key)) port.bridge = undefined;
      this.#forget(gone.key);
    }
    return true;
  }

  #forget(key: string): void {
    this.links.delete(key);
    for (const [name, { on }] of this.taps) if (on === key) this.taps.delete(name);
  }
}

/** The steps that are possible one after another; the others are left out. */
export function possible(steps: readonly Step[], network: Network = new Network()): Step[] {
  return steps.flatMap((step): Step[] => {
    if (step.do !== 'send') return network.apply(step) ? [step] : [];
    const streams = step.streams.filter(({ on }) => network.links.has(on));
    const meanwhile = possible(
      step.meanwhile.filter((inner) => inner.do !== 'send'),
      network,
    );
    // Without a stream, what happened meanwhile happens nevertheless.
    return streams.length === 0 ? meanwhile : [{ ...step, streams, meanwhile }];
  });
}
