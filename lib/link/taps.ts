import { statSync } from 'node:fs';
import { release } from 'node:os';
import { isOlder, type KernelVersion } from '../kernel-version.ts';
import { EVERY_PROTOCOL, type HiddenFrames, hiddenFrames } from './hidden-frames.ts';
import { type InterfaceRef, resolveInterface } from './interface.ts';
import { linksWithIngress, readLinkStates } from './link-state.ts';
import {
  type NetworkNamespaceRef,
  namespacesHere,
  networkNamespacePath,
  withLinks,
} from './network-namespace.ts';
import { type PacketSocketInfo, readPacketSockets } from './packet-sockets.ts';
import { type SocketOwner, socketOwners } from './socket-owners.ts';

/**
 * A packet socket that takes frames: of every protocol, as tcpdump and lldpd open them, or of one. The
 * kernel drops no frame that it takes and that nobody else takes (no counter, no event), with the
 * exceptions that `hides` names for each link.
 */
export interface Tap {
  /** The interface that it is bound to; absent: it is bound to none, and takes from all. */
  readonly interface?: string;
  /**
   * The EtherType that it takes; absent: every one. 0x0001 are raw IEEE 802.3 frames (ETH_P_802_3), 0x0004
   * IEEE 802.3 frames with an LLC header (ETH_P_802_2).
   */
  readonly etherType?: number;
  /** The network namespace that it is open in: an inode number. */
  readonly netns: number;
  /**
   * The most that it hides, by the name of each interface that it takes frames of, among those that are
   * looked at: 'none', 'untagged' (frames without a VLAN tag) or 'any' (also those with one). It hides
   * less where nft filters what an interface receives, where a tcx program does, where tc does before
   * Linux 6.6, and where a macvlan, ipvlan or macsec device of another network namespace is built on
   * the interface.
   */
  readonly hides: Readonly<Record<string, HiddenFrames>>;
  /** The processes that have it open, as far as this process may see. */
  readonly processes: readonly SocketOwner[];
}

/** A packet socket, and the network namespace that it is open in. */
interface PlacedSocket extends PacketSocketInfo {
  readonly netns: number;
}

/** Since Linux 6.15 each network namespace has a list of taps of its own. */
const OWN_LISTS: KernelVersion = [6, 15];

/** Since Linux 6.6 a tap of every protocol hides nothing where tc has an ingress, with or without filters. */
const INGRESS_SERVES_TAPS: KernelVersion = [6, 6];

/**
 * The taps that are open in a network namespace, this process's by default, and take frames of these
 * interfaces (empty: of any): one for each interface, EtherType and process. Before Linux 6.15 a
 * tap that is bound to no interface hides drops in every network namespace: there, such taps of other
 * namespaces are listed, too, as far as this process may look into them.
 */
export function openTaps(
  ref?: NetworkNamespaceRef,
  interfaces: readonly InterfaceRef[] = [],
): Tap[] {
  const ifindexes = withLinks(ref, 'networkNamespace', (links) =>
    interfaces.map((target) =>
      typeof target === 'number' ? target : resolveInterface(target, 'interface', links),
    ),
  );
  return describeTaps(ref, ifindexes, [...socketsIn(ref), ...hidingElsewhere(ref)]);
}

/** Only the taps that are open in that network namespace itself, on all of its interfaces. */
export function tapsOpenIn(ref: NetworkNamespaceRef | undefined): Tap[] {
  return describeTaps(ref, [], socketsIn(ref));
}

/** Collects the taps that were open whenever it looked. */
export class TapLog {
  readonly #ref: NetworkNamespaceRef | undefined;
  readonly #ifindexes: readonly number[];
  readonly #taps = new Map<string, Tap>();
  #last = '';

  /** Undefined, or empty: this process's network namespace, or all links. */
  constructor(ref: NetworkNamespaceRef | undefined, ifindexes: readonly number[]) {
    this.#ref = ref;
    this.#ifindexes = ifindexes;
  }

  /** The taps that it found so far. */
  get taps(): readonly Tap[] {
    return [...this.#taps.values()];
  }

  /**
   * Looks for taps, and at what they hide. Before Linux 6.15 it looks into every network namespace that
   * this process sees, which takes the longer the more processes there are.
   */
  look(): void {
    const sockets = socketsIn(this.#ref);
    this.#last = JSON.stringify(sockets);
    this.#note([...sockets, ...hidingElsewhere(this.#ref)]);
  }

  /**
   * Looks for taps that the last look has not found, in the network namespace itself only: some 200
   * microseconds where nothing changed.
   */
  lookForNew(): void {
    const sockets = socketsIn(this.#ref);
    const text = JSON.stringify(sockets);
    if (text === this.#last) return;
    this.#last = text;
    this.#note(sockets);
  }

  #note(sockets: readonly PlacedSocket[]): void {
    for (const tap of describeTaps(this.#ref, this.#ifindexes, sockets)) {
      this.#taps.set(JSON.stringify(tap), tap);
    }
  }
}

function socketsIn(ref: NetworkNamespaceRef | undefined): PlacedSocket[] {
  const netns = inodeOf(ref);
  return readPacketSockets(ref).map((socket) => ({ ...socket, netns }));
}

/**
 * The packet sockets of other network namespaces that hide drops in this one: those that are bound to no
 * interface, before Linux 6.15.
 */
function hidingElsewhere(ref: NetworkNamespaceRef | undefined): PlacedSocket[] {
  if (!isOlder(release(), OWN_LISTS)) return [];
  const own = inodeOf(ref);
  return [undefined, ...namespacesHere().files].flatMap((path) => {
    try {
      const netns = inodeOf(path);
      if (netns === own) return [];
      return socketsIn(path).filter(({ ifindex }) => ifindex === 0);
    } catch {
      // It has just ended, or may not be entered.
      return [];
    }
  });
}

function inodeOf(ref: NetworkNamespaceRef | undefined): number {
  return statSync(networkNamespacePath(ref, 'networkNamespace') ?? '/proc/self/ns/net').ino;
}

function describeTaps(
  ref: NetworkNamespaceRef | undefined,
  ifindexes: readonly number[],
  sockets: readonly PlacedSocket[],
): Tap[] {
  if (sockets.length === 0) return [];
  const owners = socketOwners(new Set(sockets.map(({ inode }) => inode)));
  const links = readLinkStates(ref);
  const byIndex = new Map(links.map((link) => [link.ifindex, link]));
  const tapped = {
    links,
    withIngress: isOlder(release(), INGRESS_SERVES_TAPS) ? NONE : ingressOf(ref),
  };
  const taps = new Map<string, Tap>();
  for (const socket of sockets) {
    const hidden = [...hiddenFrames(socket, tapped)].flatMap(([ifindex, frames]) => {
      const isAsked = ifindexes.length === 0 || ifindexes.includes(ifindex);
      return isAsked ? [[byIndex.get(ifindex)?.name ?? '', frames] as const] : [];
    });
    if (hidden.length === 0) continue;
    const name = byIndex.get(socket.ifindex)?.name;
    const tap: Tap = {
      ...(name !== undefined && { interface: name }),
      ...(socket.protocol !== EVERY_PROTOCOL && { etherType: socket.protocol }),
      netns: socket.netns,
      hides: Object.fromEntries(hidden),
      processes: owners.get(socket.inode) ?? [],
    };
    taps.set(JSON.stringify(tap), tap);
  }
  return [...taps.values()];
}

const NONE: ReadonlySet<number> = new Set();

/** None, where the kernel has no queueing disciplines or does not list them: then a tap may hide more. */
function ingressOf(ref: NetworkNamespaceRef | undefined): ReadonlySet<number> {
  try {
    return linksWithIngress(ref);
  } catch {
    return NONE;
  }
}
