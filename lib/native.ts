import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { addonNotBuilt, needsLinux } from './errors.ts';

/** An AF_PACKET, SOCK_RAW socket of protocol 0. Methods throw RawSystemError. */
export interface PacketSocket {
  /** Sends on this interface from now on, also when it is renamed. When it goes, `send` says ENXIO. */
  bind(ifindex: number): void;
  /** Sends the first `length` bytes of `frame`, or all of it. EAGAIN: the send buffer is full. */
  send(frame: Uint8Array, length?: number): void;
  /**
   * Sends as `send` does, if no link of this network namespace changed since `bind`. False: one did,
   * or there is no knowing, as at the first call: find out where to send, and bind again.
   */
  sendIfUnchanged(frame: Uint8Array, length?: number): boolean;
  /**
   * Sends the frames `first` to `lengths.length - 1` of those that lie end to end in `packed`;
   * frame `first` begins at `offset`. Returns how many the kernel took: 256 at most, fewer when it
   * stopped midway, 0 when the send buffer is full. Throws when it refused the first of them.
   */
  sendAll(packed: Uint8Array, offset: number, lengths: Uint32Array, first: number): number;
  /** Calls back once, when the send buffer has room again. Keeps the process alive until then. */
  onceWritable(callback: () => void): void;
  /** May be called twice. A callback that still waits is dropped. */
  close(): void;
}

/** What a flood sends. */
export interface NativeFloodPlan {
  /** The file of the network namespace; undefined: this process's. */
  readonly networkNamespace: string | undefined;
  readonly ifindex: number;
  /** Frames that lie end to end, sent in turns, and how long each is. */
  readonly packed: Uint8Array;
  readonly lengths: Uint32Array;
  readonly fields: readonly NativeVariedField[];
  /** Of frames. 0: no limit, and so are those of the next two. */
  readonly count: number;
  readonly durationNs: number;
  readonly framesPerSecond: number;
  /** 1 to 64. */
  readonly threads: number;
  /** enum class Engine of native/kernel/engine.h. */
  readonly engine: 0 | 1 | 2 | 3;
}

/** A field that changes from frame to frame: struct Variation of native/kernel/frame_sequence.h. */
export interface NativeVariedField {
  readonly kind: 0 | 1 | 2;
  /** Bytes, 1 to 8. */
  readonly width: number;
  /** Where it begins in each frame. */
  readonly offsets: Uint32Array;
  /**
   * The bits that belong to it, and then of a counter (0) the first value, the count of values and the
   * step; of random ones (1) the least, the count of values and the seed; of a list (2) the values.
   */
  readonly numbers: BigUint64Array;
}

/** How far threads that send are. */
export interface SendProgress {
  readonly sent: number;
  /** Of the frames that were sent. */
  readonly bytes: number;
  readonly durationNs: number;
  /** Pairs of an errno and of how many frames. */
  readonly refused: readonly number[];
  /** The RawSystemError that ended it. */
  readonly failure?: Error;
}

/** Threads that send. It began when it was made, and keeps the process alive until it has ended. */
export interface Flood {
  /** `verified`: tx_packets before and now, of live frames that are sent. */
  progress(): SendProgress & { readonly verified?: readonly [bigint, bigint] };
  /** It ends soon, and then calls back. */
  stop(): void;
  /** Stops it without calling back, and frees everything. May be called twice. */
  close(): void;
}

/** How what a file has is sent. */
export interface NativeReplayPlan {
  /** The file of the network namespace; undefined: this process's. */
  readonly networkNamespace: string | undefined;
  readonly ifindex: number;
  readonly engine: NativeFloodPlan['engine'];
  /** Of the times that frames come with: 2 is twice as fast. 0: as fast as it goes. */
  readonly speed: number;
  /** Instead of those times. 0: by them. */
  readonly framesPerSecond: number;
  /** Addresses to write into each frame, of 6 bytes. */
  readonly source: Uint8Array | undefined;
  readonly destination: Uint8Array | undefined;
}

/** A thread that sends what it is given. It keeps the process alive until it is closed. */
export interface Replay {
  /** Copies frames that lie in `bytes`. `timesNs`: when each is due, since the first one of all. */
  push(bytes: Uint8Array, offsets: Uint32Array, lengths: Uint32Array, timesNs: Float64Array): void;
  /** No more will come. */
  finish(): void;
  /** `waiting`: how many of those that were pushed it has not taken up. */
  progress(): SendProgress & { readonly ended: boolean; readonly waiting: number };
  /** It ends soon. */
  stop(): void;
  /** Stops it, and frees everything. May be called twice. */
  close(): void;
}

/** Has an interface receive frames. */
export interface LiveReceiver {
  /** RawSystemError: ENODEV, ENETDOWN, EMSGSIZE, EINVAL for less than a header. */
  receive(frame: Uint8Array): void;
  /** May be called twice. */
  close(): void;
}

/** Tells of links that left this network namespace. */
export interface LinkMonitor {
  /**
   * The ifindexes of links removed since the last call. `overrun`: the kernel lost notifications
   * (ENOBUFS), so look whether the links still exist.
   */
  read(): { removed: number[]; overrun: boolean };
  ref(): void;
  unref(): void;
  close(): void;
}

/** Notices the end of a process. */
export interface ProcessMonitor {
  /** Whether the process has ended. */
  read(): boolean;
  ref(): void;
  unref(): void;
  close(): void;
}

/** What the eBPF tracer is told when it is loaded. */
interface DropTracerOptions {
  /** The file of the network namespace to trace; undefined: this process's. */
  readonly networkNamespace: string | undefined;
  /** True: the drops of all network namespaces. */
  readonly allNamespaces: boolean;
  /** True: drops are counted by talker, for `takeTalkers`; false: recorded, for `drain`. */
  readonly summary: boolean;
  /** True: every drop; false: those that moved a link counter. */
  readonly allDrops: boolean;
  /** Bytes of the frame in each record: 0 to 256. */
  readonly headerBytes: number;
  /** Size of the ring in bytes: a power of two of at least a page. */
  readonly ringBytes: number;
  /** Filters: empty means any. */
  readonly ifindexes: readonly number[];
  readonly etherTypes: readonly number[];
  readonly reasons: readonly number[];
  /** MAC addresses, 6 bytes each. */
  readonly sources: readonly Uint8Array[];
  readonly destinations: readonly Uint8Array[];
}

/** The eBPF tracer. Its other methods work between `open` and `close`. */
export interface DropTracer {
  /** Loads, attaches and arms, off the loop thread, then calls back. May be called once. */
  open(onOpen: (error: Error | undefined) => void): void;
  /** Bytes from one record of a batch to the next. */
  readonly recordBytes: number;
  /** How many records are in the ring, those included that are still being written. */
  readonly waiting: number;
  /**
   * Moves as many records as `into` has room for out of the ring. Returns how many: 0 when the first is
   * not there or not whole.
   */
  drain(into: ArrayBuffer): number;
  /**
   * What was counted since the last call: struct TalkerRecord of native/kernel/talker_tables.h for
   * each of the loudest talkers, at most `limit`; drops of others; and how many a talker may have had
   * who is not among the loudest.
   */
  takeTalkers(limit: number): { talkers: ArrayBuffer; others: number; mostMissing: number };
  /** struct DropAccount of native/kernel/drop_tracer.h for each link that was traced. */
  accounts(): ArrayBuffer;
  /**
   * Measures by how much drivers themselves raised the counters, off the loop thread, then calls back.
   * All links, or those whose drops were drained since the last time. `drain` and `accounts` use what was
   * measured last. `close` does not wait for it.
   */
  measure(allLinks: boolean, onEnd: () => void): void;
  /**
   * Drops that were not reported since the tracer was armed: those that found no room in the ring or in
   * the tables of talkers, those of which it cannot be told whether they moved a counter, and those that
   * interrupted another one on their CPU, which the kernel shows to no program.
   */
  lost(): number;
  /**
   * Asks the kernel to call back on the next record. False: records are waiting already, and there
   * will be no callback.
   */
  wakeOnNext(): boolean;
  ref(): void;
  unref(): void;
  /** Ends tracing. Records still in the ring can be drained before `close`. */
  detach(): void;
  /** Frees everything. May be called twice. */
  close(): void;
}

/** What is known of the links of one network namespace. Methods throw RawSystemError. */
export interface Links {
  /** The ifindex of a name, or 0 when there is no such interface. netdevice(7), SIOCGIFINDEX. */
  interfaceIndex(name: string): number;
  /** The name of an ifindex, or '' when there is no such interface. netdevice(7), SIOCGIFNAME. */
  interfaceName(ifindex: number): string;
  /**
   * The 6 bytes of an interface's MAC address. netdevice(7), SIOCGIFHWADDR. RawSystemError with
   * ENODEV when there is no such interface.
   */
  hardwareAddress(name: string): Uint8Array;
  /**
   * The counters of one link, or of all of them (ifindex 0): struct LinkRecord of
   * native/node/link_table.cc for each, 224 bytes, which link-record.ts reads. Empty when there is
   * no such link.
   */
  readLinkStats(ifindex: number): ArrayBuffer;
  /**
   * A number that no other network namespace has before the next boot; undefined before Linux 5.14.
   * SO_NETNS_COOKIE.
   */
  namespaceCookie(): bigint | undefined;
}

/** The links of the network namespace behind a file, until it is closed. */
export interface LinkTable extends Links {
  /** May be called twice. */
  close(): void;
}

/** A non-blocking netlink socket: netlink(7). Methods throw RawSystemError. */
export interface NetlinkSocket {
  send(messages: Uint8Array): void;
  /** The next datagram; undefined: there is none now. ENOBUFS: some were lost. */
  receive(): Uint8Array | undefined;
  /** How many datagrams found no room: SO_MEMINFO. */
  lost(): number;
  /** Takes part in a multicast group. */
  join(group: number): void;
  /** Makes room for so many bytes that wait, as far as the privileges go. */
  setReceiveBuffer(bytes: number): void;
  /** Calls back in each turn of the loop in which there is something to `receive`. Once. */
  onReadable(callback: () => void): void;
  ref(): void;
  unref(): void;
  /** May be called twice. */
  close(): void;
}

/**
 * Everything that the addon has. This module alone loads it. The links are those of this process’s
 * network namespace.
 */
export interface Addon extends Links {
  /** In the network namespace behind a file, or in that of this process. */
  openPacketSocket(networkNamespace?: string): PacketSocket;
  /** RawSystemError when the engine cannot be had, and then nothing was sent. */
  readonly Flood: new (
    plan: NativeFloodPlan,
    onEnd: () => void,
  ) => Flood;
  /** Calls `onChange` when it has taken up what was pushed, and when it has ended. */
  readonly Replay: new (
    plan: NativeReplayPlan,
    onChange: () => void,
  ) => Replay;
  /**
   * Another descriptor of what `fd` has open, for a stream to own. Node.js closes what its fs functions have opened in
   * a worker when that ends, by its number, even if a stream has closed it and it is somebody else's by then.
   */
  duplicateDescriptor(fd: number): number;
  /** RawSystemError: EPERM; EINVAL or E2BIG before Linux 5.18. */
  readonly LiveReceiver: new (
    ifindex: number,
    networkNamespace?: string,
  ) => LiveReceiver;
  /** Calls `onChange` in each turn of the loop in which there is something to `read`. */
  readonly LinkMonitor: new (
    onChange: () => void,
    networkNamespace?: string,
  ) => LinkMonitor;
  /**
   * Calls `onEnd` in each turn of the loop after the process has ended, until it is closed. RawSystemError of
   * pidfd_open(2): ESRCH when there is no such process.
   */
  readonly ProcessMonitor: new (
    onEnd: () => void,
    pid: number,
  ) => ProcessMonitor;
  /** `onRecord` is the wake-up that `wakeOnNext` asks for. */
  readonly DropTracer: new (
    options: DropTracerOptions,
    onRecord: () => void,
  ) => DropTracer;
  readonly LinkTable: new (networkNamespace: string) => LinkTable;
  /** In the network namespace behind a file, or in that of this process. */
  readonly NetlinkSocket: new (
    protocol: number,
    networkNamespace?: string,
  ) => NetlinkSocket;
}

let loaded: Addon | undefined;

/** The addon, loaded at the first call. */
export function native(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  if (process.platform !== 'linux') throw needsLinux(process.platform);
  const require = createRequire(import.meta.url);
  const tried = candidates();
  let cause: unknown;
  for (const path of tried) {
    try {
      return require(path) as Addon;
    } catch (error) {
      // One that is there and does not load says more than one that is not there.
      if (cause === undefined || isMissing(cause)) cause = error;
    }
  }
  throw addonNotBuilt(tried, cause);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/**
 * A build in this checkout first, then the binaries that the package brought: the linker refuses
 * what is for another C library. Which one this is could be read from process.report, but that asks
 * the DNS for the names of all open sockets' addresses.
 */
function candidates(): string[] {
  const override = process.env['DROPSCOPE_ADDON'];
  if (override !== undefined) return [override];
  return [
    'build/Release/dropscope.node',
    `prebuilds/linux-${process.arch}-glibc/dropscope.node`,
    `prebuilds/linux-${process.arch}-musl/dropscope.node`,
  ].map((path) => fileURLToPath(new URL(`../${path}`, import.meta.url)));
}
