import type { HeldNamespace } from '../link/held-namespace.ts';
import { readLinkRecords } from '../link/link-record.ts';
import { type LinkState, readLinkStates } from '../link/link-state.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { TapLog } from '../link/taps.ts';
import type { DropMatch } from './expectation.ts';
import { counterObstacles, linkObstacles, type Obstacle, tapObstacles } from './obstacles.ts';

/** How often it looks for taps while the action runs. */
const LOOK_MS = 50;

/** What a proof looks at beside the drops. */
interface Findings {
  readonly obstacles: readonly Obstacle[];
  /** By how much `rx_packets` of the links rose. */
  readonly received: bigint;
}

/**
 * The links and the taps around an action, from when this is made until `end()`. It looks for taps before
 * the action, every 50 milliseconds while it runs, and after it; at links, and before Linux 6.15 for taps
 * of other network namespaces, only before and after it.
 */
export class Surroundings implements Disposable {
  readonly #namespace: HeldNamespace;
  /** Undefined: all links. */
  readonly #ifindexes: readonly number[] | undefined;
  readonly #taps: TapLog;
  readonly #states: readonly LinkState[];
  readonly #stats: readonly LinkStats[];
  readonly #timer: NodeJS.Timeout;

  /** Takes the first look. `namespace` outlives this. */
  constructor(namespace: HeldNamespace, ifindexes: readonly number[] | undefined) {
    this.#namespace = namespace;
    this.#ifindexes = ifindexes;
    this.#taps = new TapLog(namespace.path, ifindexes ?? []);
    this.#taps.look();
    this.#states = this.#readStates();
    this.#stats = this.#readStats();
    this.#timer = setInterval(() => this.#lookForTaps(), LOOK_MS).unref();
  }

  /** Takes the last look, and says what it found. */
  end(match: DropMatch): Findings {
    clearInterval(this.#timer);
    this.#taps.look();
    const stats = this.#readStats();
    const isChosen = this.#ifindexes !== undefined;
    return {
      obstacles: [
        ...tapObstacles(this.#taps.taps, match),
        ...linkObstacles(this.#states, this.#readStates(), isChosen),
        ...counterObstacles(stats, match),
      ],
      received: received(this.#stats, stats),
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #lookForTaps(): void {
    try {
      this.#taps.lookForNew();
    } catch {
      // Whatever is wrong now (no descriptor is free, say), the last look says so if it lasts.
    }
  }

  #readStates(): LinkState[] {
    return this.#ours(readLinkStates(this.#namespace.path));
  }

  #readStats(): LinkStats[] {
    return this.#ours(readLinkRecords(0, this.#namespace.links));
  }

  #ours<T extends { readonly ifindex: number }>(links: readonly T[]): T[] {
    return links.filter(({ ifindex }) => this.#ifindexes?.includes(ifindex) ?? true);
  }
}

/** A link that came has received all that it counts. Links that are gone are left out. */
function received(before: readonly LinkStats[], after: readonly LinkStats[]): bigint {
  const start = new Map(before.map(({ ifindex, rxPackets }) => [ifindex, rxPackets]));
  return after.reduce((sum, { ifindex, rxPackets }) => {
    const rise = rxPackets - (start.get(ifindex) ?? 0n);
    // Below what it was: another link has the number now.
    return sum + (rise < 0n ? rxPackets : rise);
  }, 0n);
}
