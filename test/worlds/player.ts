import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { WatchOptions } from '../../dist/index.js';
import { ip, netnsOf, type PeerNamespace } from '../support/namespace.ts';
import { waitFor } from '../support/wait-for.ts';
import { settledCounters } from './counters.ts';
import { hiddenByTap } from './fates.ts';
import { addressOf, frameHead, sourceOf, type Target } from './frames.ts';
import { Hands } from './hands.ts';
import { type Link, Network } from './network.ts';
import type { Observed, ObservedStream, ObservedTap, ObservedWatch } from './observed.ts';
import { Watching } from './watching.ts';
import type { Place, SendStep, Step, Stream, WatchStep } from './world.ts';
import { XDP_DROP } from './xdp-drop.ts';

/** RFC 8200, section 5 */
const LEAST_MTU_OF_IPV6 = 1280;

/** Takes the steps of a world. */
export class Player {
  readonly #there: PeerNamespace;
  readonly #network = new Network();
  readonly #names = new Map<string, string>();
  readonly #homes = new Map<string, string[]>();
  readonly #hands = [0, 1].map((cpu) => new Hands(cpu % cpus().length));
  readonly #watches = new Map<string, Watching>();
  readonly #steps = new Map<string, WatchStep>();
  readonly #closed: ObservedWatch[] = [];
  readonly #streams: ObservedStream[] = [];
  #nextFrame = 1;
  #stepsBegun = 0;
  #isSending = false;

  constructor(there: PeerNamespace) {
    this.#there = there;
  }

  async play(steps: readonly Step[]): Promise<Pick<Observed, 'homes' | 'streams' | 'watches'>> {
    for (const step of steps) {
      this.#stepsBegun += 1;
      await this.#take(step);
    }
    for (const [name, watching] of this.#watches) await this.#askLedger(name, watching);
    for (const [name, watching] of this.#watches) {
      await this.#askLedger(name, watching);
      this.#closed.push(await watching.close(steps.length + 2));
    }
    this.#watches.clear();
    return {
      homes: Object.fromEntries(this.#homes),
      streams: this.#streams,
      watches: this.#closed,
    };
  }

  /** Ends what other programs did. */
  close(): void {
    for (const hands of this.#hands) hands.close();
  }

  async #take(step: Step): Promise<void> {
    if (step.do === 'send') return await this.#send(step);
    // A copy: to delete or move it the place where it was is needed.
    const link = 'link' in step ? this.#network.links.get(step.link) : undefined;
    const before = link && { ...link };
    if (!this.#network.apply(step)) throw new Error(`Impossible: ${JSON.stringify(step)}`);
    switch (step.do) {
      case 'veth': {
        const peer = ['peer', 'name', step.peer, 'mtu', String(step.peerMtu)];
        const [address, peerAddress] = [step.name, step.peer].map((key) =>
          addressOf(this.#network.link(key).number),
        );
        const ends = [
          'address',
          address ?? '',
          'type',
          'veth',
          ...peer,
          'address',
          peerAddress ?? '',
        ];
        ip('link', 'add', 'name', step.name, 'mtu', String(step.mtu), ...ends);
        for (const key of [step.name, step.peer]) this.#arrive(key, step.ipv6);
        await this.#carriers(step.name);
        return;
      }
      case 'bridge': {
        const options = [
          ...['stp_state', step.stp ? '1' : '0'],
          ...(step.vlanFiltering ? ['vlan_filtering', '1'] : []),
        ];
        this.#add(step.name, [], 'bridge', options);
        return;
      }
      case 'netkit': {
        const peer = ['mode', 'l2', 'peer', 'name', step.peer];
        ip('link', 'add', 'name', step.name, 'type', 'netkit', ...peer);
        for (const key of [step.name, step.peer]) this.#arrive(key, true);
        return;
      }
      case 'bond': {
        this.#add(step.name, [], 'bond', ['mode', 'active-backup']);
        for (const key of [step.active, step.inactive]) {
          this.#set(key, 'down');
          this.#set(key, 'master', step.name);
        }
        this.#set(step.name, 'type', 'bond', 'active_slave', this.#name(step.active));
        return;
      }
      case 'ipvlan':
        this.#add(step.name, ['link', this.#name(step.on)], 'ipvlan', ['mode', step.mode], false);
        return;
      case 'vxlan':
      case 'gretap': {
        const { number } = this.#network.link(step.name);
        const remote = this.#target(this.#receiverOf(this.#network.link(step.on))).ipv4;
        const options = {
          vxlan: ['id', String(number), 'dstport', '4789', 'remote', remote],
          gretap: ['local', this.#target(step.on).ipv4, 'remote', remote],
        };
        const dev = ['dev', this.#name(step.on)];
        this.#add(step.name, [], step.do, [...options[step.do], ...dev]);
        return;
      }
      case 'filter': {
        const { place } = this.#network.link(step.link);
        for (const command of filterCommands(step.how, this.#name(step.link))) {
          this.#run(place, command);
        }
        return;
      }
      case 'dummy':
        this.#add(step.name, [], 'dummy', []);
        return;
      case 'vlan': {
        const options = ['proto', step.protocol, 'id', String(step.id)];
        this.#add(step.name, ['link', this.#name(step.on)], 'vlan', options);
        return;
      }
      case 'macvlan': {
        const queue = step.queue === undefined ? [] : ['bcqueuelen', String(step.queue)];
        const options = ['mode', step.mode, ...queue];
        this.#add(step.name, ['link', this.#name(step.on)], 'macvlan', options);
        return;
      }
      case 'tun': {
        const { place } = this.#network.link(step.name);
        const command = { do: 'tun', namespace: this.#path(place), name: step.name };
        await this.#hand(0).ask({ ...command, mode: step.mode });
        this.#names.set(step.name, step.name);
        this.#rememberHome(step.name);
        if (step.mode === 'tap') {
          const address = addressOf(this.#network.link(step.name).number);
          this.#ip(place, 'link', 'set', 'dev', step.name, 'address', address);
        }
        this.#ip(place, 'addr', 'add', `${this.#target(step.name).ipv4}/24`, 'dev', step.name);
        this.#ip(place, 'link', 'set', 'dev', step.name, 'up');
        return;
      }
      case 'port':
        this.#set(step.link, 'master', this.#name(step.of));
        return;
      case 'up':
      case 'down':
        this.#set(step.link, step.do);
        await this.#carriers(step.link);
        return;
      case 'rename':
        this.#set(step.link, 'name', step.to);
        this.#names.set(step.link, step.to);
        return;
      case 'delete':
        this.#ip(before?.place ?? 'here', 'link', 'delete', 'dev', this.#name(step.link));
        return;
      case 'move': {
        const pid = String(step.to === 'here' ? process.pid : this.#there.pid);
        const what = ['dev', this.#name(step.link), 'netns', pid];
        this.#ip(before?.place ?? 'here', 'link', 'set', ...what);
        this.#rememberHome(step.link);
        return;
      }
      case 'tap': {
        const { place } = this.#network.link(step.on);
        const { etherType } = step;
        const on = { namespace: this.#path(place), on: this.#name(step.on), name: step.name };
        await this.#hand(0).ask({
          do: 'tap',
          ...on,
          ...(etherType !== undefined && { etherType }),
        });
        return;
      }
      case 'untap':
        await this.#hand(0).ask({ do: 'untap', name: step.name });
        return;
      case 'watch': {
        const start = { armedAt: this.#stepsBegun, isMidTraffic: this.#isSending };
        const watching = await Watching.arm(step, this.#options(step), this.#there, start);
        this.#watches.set(step.name, watching);
        this.#steps.set(step.name, step);
        return;
      }
      case 'ledger':
        await this.#askLedger(step.of, this.#watches.get(step.of));
        return;
      case 'close': {
        const watching = this.#watches.get(step.watch);
        this.#watches.delete(step.watch);
        await this.#askLedger(step.watch, watching);
        if (watching !== undefined) this.#closed.push(await watching.close(this.#stepsBegun));
        return;
      }
    }
  }

  /** Asks a watch for its ledger, unless it has ended because its interface went. */
  async #askLedger(name: string, watching: Watching | undefined): Promise<void> {
    const step = this.#steps.get(name);
    if (watching === undefined || step === undefined) return;
    await watching.ledger({ isAtRest: !this.#isSending, openTaps: this.#tapsSeenBy(step) });
  }

  /** The taps that take frames where a watch looks. The kernel takes none for a link that is down. */
  #tapsSeenBy({ in: place, interfaces }: WatchStep): ObservedTap[] {
    return [...this.#network.taps.values()].flatMap(({ on, etherType }): ObservedTap[] => {
      const link = this.#network.link(on);
      if (!link.up || (place !== 'all' && link.place !== place)) return [];
      if (interfaces !== undefined && !interfaces.includes(on)) return [];
      const hides = etherType === undefined ? hiddenByTap(this.#network, on) : 'any';
      return [{ on: this.#name(on), etherType, hides }];
    });
  }

  async #send(step: SendStep): Promise<void> {
    this.#isSending = true;
    const index = this.#stepsBegun - 1;
    const sent = Promise.all(step.streams.map((stream, at) => this.#stream(stream, index, at)));
    // A failure is told when it is waited for.
    sent.catch(() => {});
    for (const inner of step.meanwhile) await this.#take(inner);
    await sent;
    await settledCounters(this.#there);
    this.#isSending = false;
  }

  async #stream(stream: Stream, step: number, index: number): Promise<void> {
    const link = this.#network.link(stream.on);
    const isTun = link.kind === 'tun';
    const isWritten = isTun || link.kind === 'tap';
    const { head, numberAt } = frameHead(stream, this.#target(this.#receiverOf(link)), isTun);
    const first = this.#nextFrame;
    this.#nextFrame += stream.count;
    const common = {
      head: head.toString('hex'),
      numberAt,
      first,
      count: stream.count,
      length: isTun ? stream.length - 14 : stream.length,
    };
    const name = this.#name(stream.on);
    const how = isWritten
      ? { do: 'write', tun: stream.on }
      : { do: 'send', namespace: this.#path(link.place), on: name };
    // The process that holds a tun device open is the one that can write to it.
    const hands = this.#hand(isWritten ? 0 : stream.cpu);
    const { sent = 0, errors = {} } = await hands.ask({ ...how, ...common });
    this.#streams.push({ step, index, first, sent, errors });
  }

  #options(step: WatchStep): WatchOptions {
    const there = this.#there;
    const ways = { default: undefined, pid: there.pid, name: 'there', path: this.#path('there') };
    const namespace = step.in === 'all' ? 'all' : ways[step.by];
    return {
      ...(namespace !== undefined && { networkNamespace: namespace }),
      ...(step.interfaces !== undefined && {
        interface: step.interfaces.map((key) => this.#name(key)),
      }),
      ...(step.sources !== undefined && { source: step.sources.map(sourceOf) }),
    };
  }

  /** Makes a link that is not half of a pair, and sets it up. */
  #add(
    key: string,
    on: readonly string[],
    type: string,
    options: readonly string[],
    hasAddress = true,
  ): void {
    const { place, number } = this.#network.link(key);
    const name = ['name', key, ...(hasAddress ? ['address', addressOf(number)] : [])];
    this.#ip(place, 'link', 'add', ...on, ...name, 'type', type, ...options);
    this.#names.set(key, key);
    this.#rememberHome(key);
    this.#ip(place, 'link', 'set', 'dev', key, 'up');
  }

  /** Puts half of a new veth pair in its place, and sets it up. */
  #arrive(key: string, ipv6: boolean): void {
    const { place, mtu } = this.#network.link(key);
    this.#names.set(key, key);
    // With a smaller MTU a link has no IPv6.
    if (!ipv6 && mtu >= LEAST_MTU_OF_IPV6) ip('link', 'set', 'dev', key, 'addrgenmode', 'none');
    if (place === 'there') ip('link', 'set', 'dev', key, 'netns', String(this.#there.pid));
    this.#rememberHome(key);
    this.#ip(place, 'addr', 'add', `${this.#target(key).ipv4}/24`, 'dev', key);
    this.#ip(place, 'link', 'set', 'dev', key, 'up');
  }

  #set(key: string, ...what: readonly string[]): void {
    this.#ip(this.#network.link(key).place, 'link', 'set', 'dev', this.#name(key), ...what);
  }

  /** Waits until a veth end and its peer know whether they have a carrier. */
  async #carriers(key: string): Promise<void> {
    const { kind, peer } = this.#network.link(key);
    if (kind !== 'veth' || peer === undefined || this.#isSending) return;
    const ends = [key, peer].map((end) => this.#network.link(end));
    const isConnected = ends.every(({ up }) => up);
    for (const end of ends) {
      if (!end.up) continue;
      await waitFor(`${end.key} to know its carrier`, () => {
        const show = ['-j', 'link', 'show', 'dev', this.#name(end.key)];
        const [link]: { operstate: string }[] = JSON.parse(this.#ip(end.place, ...show));
        return (link?.operstate === 'UP') === isConnected;
      });
    }
  }

  #rememberHome(key: string): void {
    const { place } = this.#network.link(key);
    const output = this.#ip(place, '-j', 'link', 'show', 'dev', this.#name(key));
    const [link]: { ifindex: number }[] = JSON.parse(output);
    const netns = place === 'here' ? netnsOf() : this.#there.netns;
    const homes = this.#homes.get(key) ?? [];
    this.#homes.set(key, [...homes, `${netns} ${link?.ifindex}`]);
  }

  /** Addresses of a link. Those of the two ends of a veth pair are in one IPv4 network. */
  #target(key: string): Target {
    const { number, peer } = this.#network.link(key);
    const other = peer === undefined ? number : this.#network.link(peer).number;
    const host = number <= other ? 1 : 2;
    return { address: addressOf(number), ipv4: `10.77.${Math.min(number, other)}.${host}` };
  }

  /** Key of the link that a frame sent on a link is addressed to. */
  #receiverOf(link: Link): string {
    if (link.peer !== undefined) return link.peer;
    if (link.on !== undefined) return this.#receiverOf(this.#network.link(link.on));
    return link.key;
  }

  #name(key: string): string {
    return this.#names.get(key) ?? key;
  }

  #hand(cpu: number): Hands {
    const hands = this.#hands[cpu];
    if (hands === undefined) throw new Error(`There is no CPU ${cpu} in the model.`);
    return hands;
  }

  #path(place: Place): string {
    return `/proc/${place === 'here' ? process.pid : this.#there.pid}/ns/net`;
  }

  #ip(place: Place, ...args: readonly string[]): string {
    return place === 'here' ? ip(...args) : this.#there.ip(...args);
  }

  #run(place: Place, [command = '', ...args]: readonly string[]): void {
    const enter = ['--net', '-t', String(place === 'here' ? process.pid : this.#there.pid), '--'];
    execFileSync('nsenter', [...enter, command, ...args], { stdio: 'pipe' });
  }
}

/** Commands that have something drop what a link receives or sends. */
function filterCommands(
  how: (Step & { do: 'filter' })['how'],
  link: string,
): readonly (readonly string[])[] {
  const root = ['tc', 'qdisc', 'add', 'dev', link, 'root'];
  const drop = ['protocol', 'all', 'bpf', 'direct-action', 'bytecode', '1,6 0 0 2,'];
  switch (how) {
    case 'ingress':
    case 'egress':
      return [
        ['tc', 'qdisc', 'add', 'dev', link, 'clsact'],
        ['tc', 'filter', 'add', 'dev', link, how, ...drop],
      ];
    case 'tbf':
      return [[...root, 'tbf', 'rate', '1mbit', 'burst', '4k', 'limit', '6k']];
    case 'netem':
      return [[...root, 'netem', 'loss', '50%']];
    case 'nft':
      return [
        ['nft', `add table netdev ${link}`],
        [
          'nft',
          `add chain netdev ${link} c { type filter hook ingress device ${link} priority 0; policy drop; }`,
        ],
      ];
    case 'xdp':
      return [['ip', 'link', 'set', 'dev', link, 'xdpgeneric', 'obj', XDP_DROP, 'sec', 'xdp']];
  }
}
