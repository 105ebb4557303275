import type { Sent } from './fates.ts';
import { Network } from './network.ts';
import type { Counters, Observed, ObservedStream, ObservedWatch } from './observed.ts';
import type { Step, WatchStep, World } from './world.ts';

/** What IPv6 says of multicast groups and neighbours is shorter, in bytes. */
const LONGEST_NOISE = 300;

/** A stream as it was drawn and as it was sent. */
export type StreamOfWorld = Sent & ObservedStream;

/** A watch of a world, with what is known of the world, and what is wrong with the watch. */
export class WatchCase {
  readonly watch: ObservedWatch;
  readonly step: WatchStep;
  readonly streams: readonly StreamOfWorld[];
  readonly observed: Observed;
  readonly problems: string[] = [];
  readonly #keys = new Map<string, string>();
  readonly #unsteady = new Set<string>();
  readonly #shortQueued = new Set<string>();
  readonly #noisy = new Set<string>();

  constructor(
    world: World,
    observed: Observed,
    streams: readonly StreamOfWorld[],
    watch: ObservedWatch,
  ) {
    this.watch = watch;
    this.observed = observed;
    this.streams = streams;
    this.step = watchStep(world.steps, watch.name);
    for (const [key, homes] of Object.entries(observed.homes)) {
      for (const home of homes) this.#keys.set(home, key);
    }
    const network = new Network();
    for (const step of flat(world.steps)) {
      if (step.do === 'macvlan' && step.queue !== undefined) this.#shortQueued.add(step.on);
      if (step.do === 'veth') {
        const { name, peer, mtu, peerMtu } = step;
        if (peerMtu < LONGEST_NOISE && mtu > LONGEST_NOISE) this.#noisy.add(name).add(peer);
        if (mtu < LONGEST_NOISE && peerMtu > LONGEST_NOISE) this.#noisy.add(name).add(peer);
      }
      if (step.do === 'move') this.#unsteady.add(step.link);
      network.apply(step);
    }
    for (const key of network.gone) this.#unsteady.add(key);
  }

  say(problem: string): void {
    this.problems.push(`${this.watch.name}: ${problem}`);
  }

  /** The key of the link at `netns ifindex`, or that where the link is none of the world's. */
  at(home: string): string {
    return this.#keys.get(home) ?? home;
  }

  /** Whether the link was deleted or moved at some time. */
  isUnsteady(key: string): boolean {
    return this.#unsteady.has(key);
  }

  /** Whether a macvlan on the link may drop broadcasts without a drop of that link. */
  isShortQueued(key: string): boolean {
    return this.#shortQueued.has(key);
  }

  /** Whether frames that IPv6 sends by itself may be too long for one end of the pair. */
  isNoisy(key: string): boolean {
    return this.#noisy.has(key);
  }

  /** Whether `netns ifindex` is in the namespaces of the world. */
  isOfWorld(home: string): boolean {
    const { here, there } = this.observed.namespaces;
    return [here, there].includes(Number(home.split(' ')[0]));
  }

  /** Whether the watch is to report drops of the link at `netns ifindex`. */
  isWatched(home: string): boolean {
    const { interfaces, in: place } = this.step;
    if (place === 'all') return this.isOfWorld(home);
    if (Number(home.split(' ')[0]) !== this.observed.namespaces[place]) return false;
    return interfaces?.some((key) => this.observed.homes[key]?.includes(home)) ?? true;
  }

  /** How many drops were lost, wherever that was, or are a summary's without a talker. */
  get lost(): number {
    const { lost, others } = this.watch;
    return Object.values(lost).reduce((all, count) => all + count, others);
  }

  /** Streams that were sent from their first to their last frame while the watch was armed. */
  get seenStreams(): StreamOfWorld[] {
    const { armedAt, closedAt } = this.watch;
    return this.streams.filter(({ step }) => step >= armedAt && step < closedAt - 1);
  }

  /** Streams of which frames may have been sent while the watch was armed. */
  get touchedStreams(): StreamOfWorld[] {
    const { armedAt, closedAt } = this.watch;
    return this.streams.filter(({ step }) => step >= armedAt - 1 && step < closedAt);
  }

  /** Whether the filters of the watch let frames of the stream pass. */
  passes({ stream }: StreamOfWorld): boolean {
    const { etherTypes, sources } = this.step;
    const etherType = stream.frame === 'unknown' ? stream.etherType : 0x0800;
    if (etherTypes !== undefined && !etherTypes.includes(etherType)) return false;
    return sources === undefined || sources.includes(stream.source);
  }

  /** The stream that a frame is of. */
  streamOf(number: number): StreamOfWorld | undefined {
    return this.streams.find(
      ({ first, stream: { count } }) => number >= first && number < first + count,
    );
  }
}

/** By how much a counter of a link rose at least. */
export function rise(before: Counters, after: Counters, link: string, counter: string): number {
  return Math.max(0, (after[link]?.[counter] ?? 0) - (before[link]?.[counter] ?? 0));
}

function watchStep(steps: readonly Step[], name: string): WatchStep {
  for (const step of flat(steps)) if (step.do === 'watch' && step.name === name) return step;
  throw new Error(`The world has no watch ${name}.`);
}

function flat(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => (step.do === 'send' ? step.meanwhile : [step]));
}
