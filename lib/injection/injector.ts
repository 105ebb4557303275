import { setImmediate as nextTurn } from 'node:timers/promises';
import { isUint8Array } from 'node:util/types';
import { closed, invalidArgument, isRawSystemError } from '../errors.ts';
import { checkFrameBytes, type EthernetFrame } from '../ethernet/frame.ts';
import { type InterfaceRef, interfaceName, resolveInterface } from '../link/interface.ts';
import {
  checkNamespaceOptions,
  type NamespaceOptions,
  networkNamespacePath,
  openLinks,
} from '../link/network-namespace.ts';
import type { LinkTable, PacketSocket } from '../native.ts';
import type { Direction } from './engine.ts';
import { type FloodPlan, type FloodReport, planFlood } from './flood.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { FrameWindow } from './frame-window.ts';
import { explainSending, openPacketSocket, readOwnAddress } from './packet-socket.ts';
import { ReceiveSocket } from './receive-socket.ts';
import { planReplay, type ReplayOptions, type ReplayReport } from './replay.ts';
import { stoppedAfter } from './send-errors.ts';
import { SendJobs, type SendTarget } from './send-jobs.ts';

/**
 * An open socket that sends frames on one interface. It does not receive, and is no tap: it hides no
 * drop. It follows the interface through a rename; when the interface is deleted or leaves the
 * namespace, sending fails with ERR_INTERFACE_GONE, even if another one gets its name. It does not
 * keep the process alive, except while `sendAll` waits or a `flood` or `replay` is under way.
 */
export interface FrameInjector extends Disposable {
  /**
   * Sends one frame: an object, or bytes as they are, from the destination address on. Returned
   * means that the kernel took it, not that it arrived. Throws ArgumentError before anything is
   * sent; SystemCallError when the kernel refuses it: ENETDOWN, EMSGSIZE, ENOBUFS (dropped on its
   * way out, and not tried again), EAGAIN (the send buffer is full: `sendAll` waits).
   */
  send(frame: EthernetFrame | Uint8Array): void;
  /**
   * Sends frames in their order, up to 256 in one system call, waiting while the send buffer is
   * full. Resolves with how many the kernel took: all of them. It stops at the first that cannot be
   * sent, and rejects as `send` throws, with `sent` in the error: the frames before that one were
   * taken, those after it were not tried. That one itself may have been tried twice, for
   * sendmmsg(2) does not say why it stops midway. What `frames` throws comes out as it is. Calls
   * take turns. `frames` is read bit by bit, while other work of this process goes on.
   */
  sendAll(frames: Iterable<EthernetFrame | Uint8Array>): Promise<number>;
  /**
   * Sends many frames from threads of their own: as fast as it goes or at a rate, with fields that change
   * from frame to frame. It has sockets of its own, takes no turns with `sendAll`, and keeps the process
   * alive. Resolves when all was sent. A frame that finds a queue full is `refused` with ENOBUFS, and not
   * tried again; any other refusal ends the flood, which rejects as `send` throws, with `sent` in the
   * error. ArgumentError before anything is sent.
   */
  flood(plan: FloodPlan): Promise<FloodReport>;
  /**
   * Sends the frames of a pcap or pcapng file, or of a pipe, from a thread of its own: at the pace at which they
   * were captured, faster, or at a rate. The file is read bit by bit; '/dev/stdin' is this process's descriptor 0,
   * which may be a socket, too, and is read from where it stands. Else as `flood`, but that a frame which
   * the link does not take for its length is `refused`, and left out. CaptureError when the file cannot be read
   * or is damaged: the frames before that place were sent, and no more.
   */
  replay(path: string, options?: ReplayOptions): Promise<ReplayReport>;
  /**
   * Closes the socket; frames that the kernel has taken still go out. A `sendAll`, `flood` or `replay`
   * under way rejects with ERR_CLOSED, and so does whatever is called after this, but for `close`.
   */
  close(): void;
}

/** Where to send, and which way. */
export interface InjectorOptions extends NamespaceOptions {
  /**
   * 'transmit': frames go out of the interface. 'receive': they enter its receive path, as if they came from
   * the wire, so that it drops them, and its counters move; a frame has 3400 bytes at most. What a driver
   * counts itself, such as rx_packets, does not move. That needs Linux 5.18, CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.
   * Default: 'transmit', which needs CAP_NET_RAW.
   */
  readonly direction?: Direction | undefined;
}

/**
 * Opens an injector on an interface. ArgumentError when there is no such interface, SystemCallError with
 * ERR_PERMISSION without the capability that it needs, and with ERR_ENGINE_UNAVAILABLE where the kernel has no
 * way to make an interface receive.
 */
export function openInjector(target: InterfaceRef, options: InjectorOptions = {}): FrameInjector {
  const direction = checkOptions(options);
  const { networkNamespace } = options;
  const links = openLinks(networkNamespace, NAMESPACE);
  try {
    const path = networkNamespacePath(networkNamespace, NAMESPACE);
    return new SocketInjector(target, links, path, direction);
  } catch (error) {
    links.close();
    throw error;
  }
}

const NAMESPACE = 'options.networkNamespace';

function checkOptions(options: InjectorOptions): Direction {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', 'an object', options);
  }
  const { direction = 'transmit', ...others } = options;
  checkNamespaceOptions(others);
  if (direction === 'transmit' || direction === 'receive') return direction;
  throw invalidArgument('options.direction', "'transmit' or 'receive'", direction);
}

/** What sends, or receives. It throws RawSystemError. */
type FrameSocket = Pick<PacketSocket, 'send' | 'sendAll' | 'onceWritable' | 'close'>;

class SocketInjector implements FrameInjector {
  readonly #target: InterfaceRef;
  readonly #links: LinkTable;
  readonly #ifindex: number;
  readonly #sendTarget: SendTarget;
  readonly #jobs: SendJobs;
  readonly #socket: FrameSocket;
  readonly #buffer = new FrameBuffer();
  /** The sendAll() that was called last. */
  #last: Promise<unknown> = Promise.resolve();
  /** Ends the wait of a sendAll(). */
  #wake = () => {};
  #closed = false;

  constructor(
    target: InterfaceRef,
    links: LinkTable,
    networkNamespace: string | undefined,
    direction: Direction,
  ) {
    this.#target = target;
    this.#links = links;
    this.#ifindex = resolveInterface(target, 'target', links);
    this.#sendTarget = {
      ifindex: this.#ifindex,
      networkNamespace,
      direction,
      ownAddress: this.#ownAddress,
      name: () => this.#name(),
      explain: (failure, length) => this.#explain(failure, length),
    };
    this.#jobs = new SendJobs(this.#sendTarget);
    this.#socket =
      direction === 'transmit'
        ? openSocketOn(this.#ifindex, target, networkNamespace)
        : new ReceiveSocket(this.#ifindex, target, networkNamespace);
  }

  send(frame: EthernetFrame | Uint8Array): void {
    if (this.#closed) throw closed('injector');
    let length = 0;
    try {
      if (isUint8Array(frame)) {
        checkFrameBytes(frame);
        length = frame.length;
        this.#socket.send(frame);
      } else {
        length = this.#buffer.write(frame, 0, this.#ownAddress);
        this.#socket.send(this.#buffer.bytes, length);
      }
    } catch (error) {
      throw this.#explain(error, length);
    }
  }

  sendAll(frames: Iterable<EthernetFrame | Uint8Array>): Promise<number> {
    const mine = this.#last.then(() => this.#sendEach(frames));
    this.#last = mine.catch(() => {});
    return mine;
  }

  async flood(plan: FloodPlan): Promise<FloodReport> {
    if (this.#closed) throw closed('injector');
    return await this.#jobs.run(planFlood(plan, this.#sendTarget));
  }

  async replay(path: string, options: ReplayOptions = {}): Promise<ReplayReport> {
    if (this.#closed) throw closed('injector');
    return await this.#jobs.run(planReplay(path, options, this.#sendTarget));
  }

  close(): void {
    this.#closed = true;
    this.#jobs.close();
    this.#socket.close();
    this.#links.close();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #sendEach(frames: Iterable<EthernetFrame | Uint8Array>): Promise<number> {
    const window = new FrameWindow(this.#ownAddress);
    try {
      if (this.#closed) throw closed('injector');
      checkIterable(frames);
      for (const _ of window.fill(frames)) {
        if (window.sent > 0) await nextTurn();
        while (!window.done) await this.#sendRest(window);
      }
      return window.sent;
    } catch (error) {
      throw stoppedAfter(window.sent, error);
    }
  }

  async #sendRest(window: FrameWindow): Promise<void> {
    if (this.#closed) throw closed('injector');
    try {
      const { packed, offset, lengths, first } = window;
      const taken = this.#socket.sendAll(packed, offset, lengths, first);
      window.advance(taken);
      if (taken === 0) await this.#writable();
    } catch (error) {
      throw this.#explain(error, window.nextLength);
    }
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#socket.onceWritable(resolve);
    });
  }

  readonly #ownAddress = (): Uint8Array => {
    try {
      return readOwnAddress(this.#ifindex, this.#links);
    } catch (error) {
      throw this.#explain(error, 0);
    }
  };

  #explain(error: unknown, length: number): unknown {
    return isRawSystemError(error) ? explainSending(error, this.#name(), length) : error;
  }

  /** The present one: a command with the one before a rename would mend nothing. */
  #name(): InterfaceRef {
    const name = this.#closed ? '' : interfaceName(this.#ifindex, this.#links);
    return name === '' ? this.#target : name;
  }
}

function openSocketOn(
  ifindex: number,
  target: InterfaceRef,
  networkNamespace: string | undefined,
): PacketSocket {
  const socket = openPacketSocket(networkNamespace);
  try {
    socket.bind(ifindex);
    return socket;
  } catch (error) {
    socket.close();
    throw explainSending(error, target, 0);
  }
}

function checkIterable(frames: Iterable<unknown>): void {
  if (typeof frames === 'object' && frames !== null && Symbol.iterator in frames) return;
  throw invalidArgument('frames', 'an iterable of frames', frames);
}
