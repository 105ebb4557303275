import type { Place, Step, TapStep, WatchStep } from './world.ts';

/** A link as the model sees it. Its key is the name that it was made by; it may have another one now. */
export interface Link {
  readonly key: string;
  readonly kind:
    | ('veth' | 'netkit' | 'bridge' | 'bond' | 'vlan' | 'macvlan' | 'ipvlan' | 'vxlan' | 'gretap')
    | ('dummy' | 'tun' | 'tap');
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
  /** The bond that it is a port of. */
  bond: string | undefined;
  /** What drops the frames that it receives or sends. */
  readonly filters: Set<(Step & { do: 'filter' })['how']>;
  /** Whether it is in the namespace where it was made, as it was then. */
  isMoved: boolean;
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
  /** Keys of links that were deleted. */
  readonly gone = new Set<string>();
  #made = 0;
  readonly #names = new Set<string>();

  /** The link of that key; throws where there is none. */
  link(key: string): Link {
    const link = this.links.get(key);
    if (link === undefined) throw new Error(`The model has no link ${key}.`);
    return link;
  }

  /** The devices that are made on a link. */
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
      case 'netkit': {
        if (step.name === step.peer || !this.#areNew(step.name, step.peer)) return false;
        this.#add(step.name, 'netkit', { place: step.in, peer: step.peer });
        this.#add(step.peer, 'netkit', { place: step.peerIn, peer: step.name });
        return true;
      }
      case 'bond': {
        const [active, inactive] = [this.links.get(step.active), this.links.get(step.inactive)];
        if (active === undefined || inactive === undefined || active === inactive) return false;
        if (!this.#areNew(step.name) || !this.#mayBeBonded(active, inactive)) return false;
        this.#add(step.name, 'bond', { place: active.place });
        for (const port of [active, inactive]) port.bond = step.name;
        return true;
      }
      case 'ipvlan':
      case 'vxlan':
      case 'gretap': {
        const lower = this.links.get(step.on);
        if (!this.#areNew(step.name) || lower === undefined) return false;
        if (!this.#mayCarry(lower, step.do)) return false;
        this.#add(step.name, step.do, { place: lower.place, on: lower.key });
        return true;
      }
      case 'filter': {
        const link = this.links.get(step.link);
        if (link?.kind !== 'veth' || link.filters.size > 0) return false;
        link.filters.add(step.how);
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
        if (link.bond !== undefined) return false;
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
        link.isMoved = true;
        link.bridge = undefined;
        link.filters.clear();
        for (const [name, { on }] of this.taps) if (on === link.key) this.taps.delete(name);
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
        if (step.in === 'all' && step.interfaces !== undefined) return false;
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
      bond: undefined,
      filters: new Set(),
      isMoved: false,
      stp: false,
      vlanFiltering: false,
      shortQueue: false,
      ...rest,
    });
  }

  #mayCarry(lower: Link, kind: 'vlan' | 'macvlan' | 'ipvlan' | 'vxlan' | 'gretap'): boolean {
    if (lower.kind !== 'veth' || lower.bridge !== undefined || lower.bond !== undefined) {
      return false;
    }
    if (kind !== 'macvlan' && kind !== 'ipvlan') return true;
    // The model does not follow what several of them on one link send each other.
    return !this.uppers(lower.key).some((upper) => ['macvlan', 'ipvlan'].includes(upper.kind));
  }

  /** As with bridges, no two bonds or bridges are connected. */
  #mayBeBonded(active: Link, inactive: Link): boolean {
    return (
      active.place === inactive.place &&
      active.peer !== inactive.key &&
      [active, inactive].every(
        (link) =>
          link.kind === 'veth' &&
          link.up &&
          link.bridge === undefined &&
          link.bond === undefined &&
          this.uppers(link.key).length === 0 &&
          this.#isFree(link.peer),
      )
    );
  }

  /** Whether the other end of a pair is no port. */
  #isFree(peer: string | undefined): boolean {
    const link = peer === undefined ? undefined : this.links.get(peer);
    return link !== undefined && link.bridge === undefined && link.bond === undefined;
  }

  /**
   * Only veth ends and taps are ports, and never both ends of a pair: so no two bridges are connected,
   * no bridge twice with itself, and no frame can go round.
   */
  #mayBePort(link: Link, bridge: Link): boolean {
    if (link.place !== bridge.place) return false;
    if (link.bridge !== undefined || link.bond !== undefined) return false;
    if (this.uppers(link.key).length > 0) return false;
    if (link.kind === 'tap') return true;
    return link.kind === 'veth' && this.#isFree(link.peer);
  }

  #mayMove(link: Link): boolean {
    const isFixed = !['veth', 'dummy', 'tap', 'tun', 'macvlan', 'vlan'].includes(link.kind);
    return !isFixed && link.bond === undefined && this.uppers(link.key).length === 0;
  }

  #delete(key: string): boolean {
    const link = this.links.get(key);
    // The process that holds a tun device is told by nobody that it is gone.
    if (link === undefined || link.kind === 'tun' || link.kind === 'tap') return false;
    if (link.kind === 'bond' || link.bond !== undefined) return false;
    for (const gone of [link, ...(link.peer === undefined ? [] : [this.link(link.peer)])]) {
      for (const upper of this.uppers(gone.key)) {
        // A GRE tunnel is on a link by its addresses only.
        if (upper.kind !== 'gretap') this.#forget(upper.key);
      }
      for (const port of this.ports(gone.key)) port.bridge = undefined;
      this.#forget(gone.key);
    }
    return true;
  }

  #forget(key: string): void {
    this.links.delete(key);
    this.gone.add(key);
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
