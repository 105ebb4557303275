import { PROBE_NAMES, type ProbeName } from '../drops/drop-event.ts';
import { MOST_TALKERS } from '../drops/talker-table.ts';
import { invalidArgument } from '../errors.ts';
import { parseMacAddress } from '../ethernet/mac-address.ts';
import type { HeldNamespace } from '../link/held-namespace.ts';
import { type InterfaceRef, resolveInterface } from '../link/interface.ts';
import type { NetworkNamespaceRef } from '../link/network-namespace.ts';
import type { Links } from '../native.ts';
import type { ArmingProgress, ProbeOptions } from '../probes/probe.ts';

/** What to watch. A filter lets a drop pass whose value is any of those given; all must let it pass. */
export interface WatchOptions {
  /** By name or ifindex. Default: every interface of this network namespace, later ones too. */
  readonly interface?: InterfaceRef | readonly InterfaceRef[] | undefined;
  /**
   * The network namespace: a name (`ip netns`), a path, or the number of a process that is in it, which
   * needs CAP_SYS_ADMIN; or 'all', where each drop says by `netns` whose it is, and `interface` cannot be
   * given. Default: this process's.
   */
  readonly networkNamespace?: NetworkNamespaceRef | 'all' | undefined;
  /**
   * 'drops' (default): each drop; 'summary': drops counted by talker, told by 'summary' events and
   * `summary()`: for as many drops as there may be.
   */
  readonly deliver?: 'drops' | 'summary' | undefined;
  /** How often a 'summary' event comes, 10 to 3,600,000 milliseconds. Default: 1000. */
  readonly everyMs?: number | undefined;
  /** How many talkers a summary lists, the loudest: 1 to 16,384. Default: 1000. */
  readonly talkerLimit?: number | undefined;
  /** 'counted' (default): drops that moved a link counter; 'all': every drop. */
  readonly scope?: 'counted' | 'all' | undefined;
  /** Source MAC address. */
  readonly source?: string | readonly string[] | undefined;
  /** Destination MAC address. */
  readonly destination?: string | readonly string[] | undefined;
  /** EtherType as in DropEvent: 0 to 0xffff. */
  readonly etherType?: number | readonly number[] | undefined;
  /** The kernel's name for why, with or without SKB_DROP_REASON_, in any case. */
  readonly reason?: string | readonly string[] | undefined;
  /** The probes that may be used; the first that works is. Default: the best that works here. */
  readonly probe?: ProbeName | readonly ProbeName[] | undefined;
  /** Bytes of each frame to keep, 0 to 256. Default: 64. */
  readonly headerBytes?: number | undefined;
  /**
   * How many drops may wait for each reader. Default: 65,536. Each takes 80 bytes and its headerBytes,
   * or up to twice that (ebpf); with other probes, some hundred bytes.
   */
  readonly queueLimit?: number | undefined;
  /**
   * Size in bytes of the buffer between kernel and process: 4096 to 2^30, rounded up to a power of
   * two. A drop takes 88 bytes of it and its headerBytes. SystemTap shares it out among the
   * CPUs, a MiB or more to each. Default: 4 MiB.
   */
  readonly ringBytes?: number | undefined;
  /**
   * For the systemtap probe: the path of a module that `dropscope systemtap build` made for this
   * kernel. Then only `staprun` is needed here. Default: it is compiled here.
   */
  readonly module?: string | undefined;
  /** Aborts arming or, later, the watch. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a probe does that takes long to arm: SystemTap compiles a module when it is first used. */
  readonly onProgress?: ((progress: ArmingProgress) => void) | undefined;
}

/** How drops are summed up. */
type SummaryPlan = Readonly<{ everyMs: number; talkerLimit: number }>;

/** Options that were checked, with defaults for what they leave out. */
export interface WatchPlan {
  /** The interfaces to watch, as they were named, by ifindex. Empty: all. */
  readonly interfaces: ReadonlyMap<number, InterfaceRef>;
  /** Never empty. */
  readonly probes: readonly ProbeName[];
  readonly queueLimit: number;
  /** How often a summary is told, and how many talkers it lists; undefined: drops are told. */
  readonly summary: SummaryPlan | undefined;
  /** The network namespace to watch; with all of them, this process's. */
  readonly namespace: HeldNamespace;
  readonly probeOptions: ProbeOptions;
  readonly allNamespaces: boolean;
  readonly ifindexes: readonly number[];
  /** Whether there is a filter by what only frames have. */
  readonly isFiltered: boolean;
}

/** As a record, for a list could lack one. */
const OPTIONS: Readonly<Record<keyof WatchOptions, true>> = {
  interface: true,
  networkNamespace: true,
  deliver: true,
  everyMs: true,
  talkerLimit: true,
  scope: true,
  source: true,
  destination: true,
  etherType: true,
  reason: true,
  probe: true,
  headerBytes: true,
  queueLimit: true,
  ringBytes: true,
  module: true,
  signal: true,
  onProgress: true,
};

/** A module's name is letters, digits and _. */
const MODULE_PATH = /(^|\/)\w+\.ko$/;

/** MAX_HEADER_BYTES in native/kernel/drop_record.h */
const MOST_HEADER_BYTES = 256;

/** MAX_FILTERS in native/kernel/drop_record.h */
const MOST_FILTER_VALUES = 4096;

/** The network namespace that a watch is to open. ArgumentError for what are no options. */
export function namespaceToWatch(options: WatchOptions): NetworkNamespaceRef | undefined {
  checkShape(options);
  const { networkNamespace } = options;
  return networkNamespace === 'all' ? undefined : networkNamespace;
}

/**
 * ArgumentError for options that are no use, before anything is changed. `namespace`: the one that is to be
 * watched, or this process's with all of them.
 */
export function planWatch(options: WatchOptions, namespace: HeldNamespace): WatchPlan {
  const allNamespaces = options.networkNamespace === 'all';
  if (allNamespaces && options.interface !== undefined) {
    const mend = "Leave it out, or give the network namespace that it is in instead of 'all'.";
    throw invalidArgument('options.interface', 'no interface', options.interface, mend);
  }
  const resolve = resolveTarget(namespace.links);
  const interfaces = list(options.interface, 'options.interface', resolve);
  const deliver = oneOf(options.deliver ?? 'drops', ['drops', 'summary'], 'options.deliver');
  const everyMs = integer(options.everyMs ?? 1000, 'options.everyMs', 10, 3_600_000);
  const talkerLimit = integer(options.talkerLimit ?? 1000, 'options.talkerLimit', 1, MOST_TALKERS);
  const probeOptions: ProbeOptions = {
    networkNamespace: namespace.path,
    allNamespaces,
    summary: deliver === 'summary',
    scope: oneOf(options.scope ?? 'counted', ['counted', 'all'] as const, 'options.scope'),
    ifindexes: interfaces.map(([ifindex]) => ifindex),
    sources: list(options.source, 'options.source', parseMacAddress),
    destinations: list(options.destination, 'options.destination', parseMacAddress),
    etherTypes: list(options.etherType, 'options.etherType', (value, argument) =>
      integer(value, argument, 0, 0xffff),
    ),
    reasons: list(options.reason, 'options.reason', reasonName),
    headerBytes: integer(options.headerBytes ?? 64, 'options.headerBytes', 0, MOST_HEADER_BYTES),
    ringBytes: powerOfTwo(
      integer(options.ringBytes ?? 2 ** 22, 'options.ringBytes', 4096, 2 ** 30),
    ),
    module: options.module,
    signal: options.signal,
    onProgress: options.onProgress,
  };
  checkFilterCount(probeOptions);
  return {
    interfaces: new Map(interfaces),
    probes: list(wantedProbes(options), 'options.probe', (value, argument) =>
      oneOf(value, PROBE_NAMES, argument),
    ),
    summary: deliver === 'summary' ? { everyMs, talkerLimit } : undefined,
    namespace,
    queueLimit: integer(options.queueLimit ?? 65_536, 'options.queueLimit', 1, 2 ** 31),
    probeOptions,
    allNamespaces,
    ifindexes: probeOptions.ifindexes,
    isFiltered: frameFilters(probeOptions).some((values) => values.length > 0),
  };
}

function frameFilters(options: ProbeOptions): (readonly unknown[])[] {
  return [options.sources, options.destinations, options.etherTypes, options.reasons];
}

function checkShape(options: WatchOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', 'an object', options);
  }
  const known = Object.keys(OPTIONS);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalidArgument('options', `only ${known.join(', ')}`, name);
  }
  if (options.module !== undefined && !isModulePath(options.module)) {
    throw invalidArgument(
      'options.module',
      'the path of a module, such as dropscope_probe.ko,',
      options.module,
    );
  }
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    throw invalidArgument('options.onProgress', 'a function', options.onProgress);
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', options.signal);
  }
}

/** A module is SystemTap's. */
function wantedProbes({ probe, module }: WatchOptions): ProbeName | readonly ProbeName[] {
  return probe ?? (module === undefined ? PROBE_NAMES : 'systemtap');
}

function isModulePath(path: unknown): boolean {
  return typeof path === 'string' && MODULE_PATH.test(path);
}

/** One value or several; given and empty would mean that nothing may pass, which nobody means. */
function list<T, R>(
  given: T | readonly T[] | undefined,
  argument: string,
  check: (value: T, argument: string) => R,
): R[] {
  if (given === undefined) return [];
  if (!isList(given)) return [check(given, argument)];
  if (given.length === 0) {
    throw invalidArgument(argument, 'at least one value', given, 'Leave it out to let all pass.');
  }
  return given.map((value, index) => check(value, `${argument}[${index}]`));
}

function isList<T>(given: T | readonly T[]): given is readonly T[] {
  return Array.isArray(given);
}

type ResolvedTarget = [ifindex: number, target: InterfaceRef];

function resolveTarget(links: Links): (target: InterfaceRef, argument: string) => ResolvedTarget {
  return (target, argument) => [resolveInterface(target, argument, links), target];
}

function reasonName(reason: string, argument: string): string {
  if (typeof reason === 'string') return reason.replace(/^SKB_DROP_REASON_/i, '');
  throw invalidArgument(argument, 'the name of a drop reason', reason);
}

function oneOf<T extends string>(value: string, values: readonly T[], argument: string): T {
  const found = values.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalidArgument(argument, values.map((name) => `'${name}'`).join(' or '), value);
}

function integer(value: number, argument: string, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalidArgument(argument, `an integer from ${least} to ${most}`, value);
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}

function checkFilterCount(options: ProbeOptions): void {
  const filters = [options.ifindexes, ...frameFilters(options)];
  const count = filters.reduce((sum, values) => sum + values.length, 0);
  if (count <= MOST_FILTER_VALUES) return;
  throw invalidArgument('options', `at most ${MOST_FILTER_VALUES} filter values`, count);
}
