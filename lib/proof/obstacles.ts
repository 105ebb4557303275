import type { CounterName } from '../drops/drop-event.ts';
import { plain } from '../errors.ts';
import { ETH_P_802_2, ETH_P_802_3 } from '../link/hidden-frames.ts';
import type { LinkState } from '../link/link-state.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { ownersText } from '../link/socket-owners.ts';
import type { Tap } from '../link/taps.ts';
import type { DropMatch } from './expectation.ts';

/**
 * Something that may have kept drops of the expected kind from being seen.
 *
 * 'tap': a packet socket took frames that else were dropped. 'link-down': an interface was down, or
 * had no carrier, before the action or after it; without `interface`: so were all of the network
 * namespace. 'link-gone': an interface went, and its counters with it; with `interface` the proof
 * rejects with ERR_INTERFACE_GONE instead. 'no-counter': this kernel does not have the expected counter.
 */
export type Obstacle =
  | { readonly kind: 'tap'; readonly tap: Tap; readonly text: string }
  | { readonly kind: 'link-down'; readonly interface?: string; readonly text: string }
  | { readonly kind: 'link-gone'; readonly interface: string; readonly text: string }
  | { readonly kind: 'no-counter'; readonly counter: CounterName; readonly text: string };

// linux/if_ether.h
const ETH_P_IP = 0x0800;
const ETH_P_ARP = 0x0806;
const VLAN_TYPES: readonly number[] = [0x8100, 0x88a8];
const LEAST_ETHER_TYPE = 0x0600;

/** Taps that hide drops of the expected kind. */
export function tapObstacles(taps: readonly Tap[], match: DropMatch): Obstacle[] {
  return taps
    .filter((tap) => hidesExpected(tap, match))
    .map((tap) => ({ kind: 'tap', tap, text: tapText(tap) }));
}

/**
 * Whether a tap hides drops that match on any of the links: it hides those of frames alone that no
 * protocol takes.
 */
function hidesExpected(tap: Tap, { counter, reason, location, etherType }: DropMatch): boolean {
  if (Object.values(tap.hides).every((frames) => frames === 'none')) return false;
  if (reason !== undefined && reason !== 'UNHANDLED_PROTO') return false;
  if (location !== undefined && location !== '__netif_receive_skb_core') return false;
  // A tap of every protocol hides nothing on the ports that count rx_nohandler.
  const isOfAll = tap.etherType === undefined;
  if (counter !== undefined && counter !== 'rx_dropped') {
    return counter === 'rx_nohandler' && !isOfAll && takes(tap.etherType, etherType);
  }
  // The kernel has a protocol for these: it drops none for want of one.
  if (isOfAll) return etherType !== ETH_P_IP && etherType !== ETH_P_ARP;
  return takes(tap.etherType, etherType);
}

/** Whether a tap of one protocol takes frames of an EtherType; undefined: of any. */
function takes(protocol: number | undefined, etherType: number | undefined): boolean {
  if (protocol === undefined || etherType === undefined || protocol === etherType) return true;
  const isLength = protocol === ETH_P_802_2 || protocol === ETH_P_802_3;
  // The drop of a frame with two tags has the EtherType behind both; a tap sees that of the second tag.
  return isLength ? etherType < LEAST_ETHER_TYPE : VLAN_TYPES.includes(protocol);
}

function tapText({ processes, hides }: Tap): string {
  const where = Object.keys(hides).filter((name) => hides[name] !== 'none');
  const owners = ownersText(processes, plain);
  return `A tap hides such drops on ${where.map(plain).join(', ')} (${owners}). End it for the time of the proof.`;
}

/** Links that were down, or went, between two looks; `chosen`: whether they were given by name or ifindex. */
export function linkObstacles(
  before: readonly LinkState[],
  after: readonly LinkState[],
  chosen: boolean,
): Obstacle[] {
  const left = new Set(after.map(({ ifindex }) => ifindex));
  const gone = before.filter(({ ifindex }) => !left.has(ifindex));
  return [
    ...gone.map(goneObstacle),
    ...(chosen ? downLinks(before, after) : allDown(before, after)),
  ];
}

function goneObstacle({ name }: LinkState): Obstacle {
  const text = `Interface ${plain(name)} is gone, and its counters with it: what they counted is not known.`;
  return { kind: 'link-gone', interface: name, text };
}

function downLinks(before: readonly LinkState[], after: readonly LinkState[]): Obstacle[] {
  const down = new Map([...before, ...after].filter(isDown).map((link) => [link.ifindex, link]));
  return [...down.values()].map(({ name, isUp }) => {
    const what = isUp ? 'had no carrier' : 'was down';
    const fix = isUp ? 'Set its other end up' : `Set it up (ip link set ${plain(name)} up)`;
    const text = `Interface ${plain(name)} ${what}, before the action or after it. ${fix} before the proof.`;
    return { kind: 'link-down', interface: name, text };
  });
}

function allDown(before: readonly LinkState[], after: readonly LinkState[]): Obstacle[] {
  if (!before.every(isDown) && !after.every(isDown)) return [];
  const text = 'No interface was up, before the action or after it. Set one up before the proof.';
  return [{ kind: 'link-down', text }];
}

function isDown({ isUp, hasCarrier }: LinkState): boolean {
  return !isUp || !hasCarrier;
}

/** The expected counter, where this kernel does not have it: Linux before 5.19. */
export function counterObstacles(links: readonly LinkStats[], { counter }: DropMatch): Obstacle[] {
  const lacksIt = links.some(({ rxOtherhostDropped }) => rxOtherhostDropped === undefined);
  if (counter !== 'rx_otherhost_dropped' || !lacksIt) return [];
  return [
    { kind: 'no-counter', counter, text: `This kernel does not have the counter ${counter}.` },
  ];
}
