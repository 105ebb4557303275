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
import { type FloodPlan, type FloodReport, planFlood, RunningFlood } from './flood.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { FrameWindow } from './frame-window.ts';
import { explainSending, openPacketSocket, readOwnAddress } from './packet-socket.ts';
import { packetSocketFailed, stoppedAfter } from './send-errors.ts';

/**
 * An open socket that sends frames on one interface. It does not receive, and is no tap: it hides no
 * drop. It follows the interface through a rename; when the interface is deleted or leaves the
 * namespace, sending fails with ERR_INTERFACE_GONE, even if another one gets its name. It does not
 * keep the process alive, except while `sendAll` waits or a `flood` is under way.
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
   * Closes the socket; frames that the kernel has taken still go out. A `sendAll` or `flood` under
   * way rejects with ERR_CLOSED, and so does whatever is called after this, but for `close`.
   */
  close(): void;
}

/**
 * Opens an injector on an interface. Needs CAP_NET_RAW. ArgumentError when there is no such
 * interface, SystemCallError with ERR_PERMISSION without the capability.
 */
export function openInjector(target: InterfaceRef, options: NamespaceOptions = {}): FrameInjector {
  checkNamespaceOptions(options);
  const { networkNamespace } = options;
  const links = openLinks(networkNamespace, NAMESPACE);
  try {
    const path = networkNamespacePath(networkNamespace, NAMESPACE);
    return new SocketInjector(target, links, path);
  } catch (error) {
    links.close();
    throw error;
  }
}

const NAMESPACE = 'options.networkNamespace';

class SocketInjector implements FrameInjector {
  readonly #target: InterfaceRef;
  readonly #links: LinkTable;
  readonly #networkNamespace: string | undefined;
  readonly #ifindex: number;
  readonly #floods = new Set<RunningFlood>();
  readonly #socket: PacketSocket;
  readonly #buffer = new FrameBuffer();
  /** The sendAll() that was called last. */
  #last: Promise<unknown> = Promise.resolve();
  /** Ends the wait of a sendAll(). */
  #wake = () => {};
  #closed = false;

  constructor(target: InterfaceRef, links: LinkTable, networkNamespace: string | undefined) {
    this.#target = target;
    this.#links = links;
    this.#networkNamespace = networkNamespace;
    this.#ifindex = resolveInterface(target, 'target', links);
    this.#socket = openPacketSocket(networkNamespace);
    try {
      this.#socket.bind(this.#ifindex);
    } catch (error) {
      this.#socket.close();
      throw explainSending(error, target, 0);
    }
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
    const flood = this.#startFlood(plan);
    this.#floods.add(flood);
    try {
      return await flood.report;
    } finally {
      this.#floods.delete(flood);
    }
  }

  close(): void {
    this.#closed = true;
    for (const flood of this.#floods) flood.close();
    this.#socket.close();
    this.#links.close();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #startFlood(plan: FloodPlan): RunningFlood {
    const native = planFlood(plan, {
      ifindex: this.#ifindex,
      networkNamespace: this.#networkNamespace,
      ownAddress: this.#ownAddress,
    });
    // To read `frames` may have done anything.
    if (this.#closed) throw closed('injector');
    const longest = native.lengths.reduce((one, other) => Math.max(one, other), 0);
    try {
      return new RunningFlood(native, plan, (failure) => this.#explain(failure, longest));
    } catch (error) {
      throw isRawSystemError(error) && error.syscall === 'socket'
        ? packetSocketFailed(error, 'opening a packet socket')
        : this.#explain(error, 0);
    }
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

  /** By its present name: a command with the one before a rename would mend nothing. */
  #explain(error: unknown, length: number): unknown {
    if (!isRawSystemError(error)) return error;
    const name = this.#closed ? '' : interfaceName(this.#ifindex, this.#links);
    return explainSending(error, name === '' ? this.#target : name, length);
  }
}

function checkIterable(frames: Iterable<unknown>): void {
  if (typeof frames === 'object' && frames !== null && Symbol.iterator in frames) return;
  throw invalidArgument('frames', 'an iterable of frames', frames);
}
