import { ETH_P_802_2, ETH_P_802_3, type HiddenFrames } from '../link/hidden-frames.ts';
import { ownersText } from '../link/socket-owners.ts';
import type { Tap } from '../link/taps.ts';
import { hex16 } from './frame-text.ts';
import type { Json } from './json-line.ts';
import { printable } from './printable.ts';

/** How many interfaces a line names. */
const MOST_NAMED = 8;

const EFFECTS: readonly HiddenFrames[] = ['any', 'untagged', 'none'];

/** What open taps mean for whoever looks for drops: a line for each. */
export function tapText(taps: readonly Tap[]): string {
  return taps
    .map((tap) => {
      const where = tap.interface === undefined ? 'all interfaces' : printable(tap.interface);
      return `A tap is open on ${where} (${ownersText(tap.processes, printable)}): ${effects(tap)}.\n`;
    })
    .join('');
}

/** The same as an object of JSON, without its `event`. */
export function tapJson(tap: Tap): { readonly [key: string]: Json } {
  return {
    interface: tap.interface ?? null,
    ether_type: tap.etherType === undefined ? null : hex16(tap.etherType),
    netns: tap.netns,
    hides: tap.hides,
    processes: tap.processes.map(({ pid, name }) => ({ pid, name })),
  };
}

/** Whether a tap hides drops on any of the interfaces that were looked at. */
export function hidesDrops({ hides }: Tap): boolean {
  return Object.values(hides).some((frames) => frames !== 'none');
}

function effects(tap: Tap): string {
  return EFFECTS.flatMap((frames) => {
    const names = Object.keys(tap.hides).filter((name) => tap.hides[name] === frames);
    if (names.length === 0) return [];
    const isThere = names.length === 1 && names[0] === tap.interface;
    return [effect(frames, tap.etherType, isThere ? 'there' : `on ${named(names)}`)];
  }).join('; ');
}

function effect(frames: HiddenFrames, etherType: number | undefined, where: string): string {
  if (frames === 'none') return `it hides no drop ${where}`;
  const untagged = frames === 'untagged' ? ' without a VLAN tag' : '';
  const what = `${frameType(etherType)}${untagged} that nothing else takes`;
  return `${what} are neither dropped nor counted ${where}`;
}

function frameType(etherType: number | undefined): string {
  if (etherType === undefined) return 'frames';
  if (etherType === ETH_P_802_3) return 'raw IEEE 802.3 frames';
  if (etherType === ETH_P_802_2) return 'IEEE 802.3 frames with an LLC header';
  return `frames of EtherType ${hex16(etherType)}`;
}

function named(names: readonly string[]): string {
  const first = names.slice(0, MOST_NAMED).map(printable).join(', ');
  return names.length > MOST_NAMED ? `${first} and ${names.length - MOST_NAMED} more` : first;
}
