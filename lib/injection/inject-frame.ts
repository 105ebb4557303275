import type { EthernetFrame } from '../ethernet/frame.ts';
import { type InterfaceRef, resolveInterface } from '../link/interface.ts';
import { explainSending, readOwnAddress } from './packet-socket.ts';
import { SharedSocket } from './shared-socket.ts';

/** The socket of all calls in this thread: opened by the first, closed when they cease. */
let shared: SharedSocket | undefined;

/**
 * Sends one frame on an interface of this network namespace: an object, or bytes as they are, from
 * the destination address on. Resolves when the kernel took it, which does not mean that it
 * arrived; waits while the send buffer is full. Needs CAP_NET_RAW. Rejects with ArgumentError
 * before anything is sent; with SystemCallError when the kernel refuses it: ENETDOWN, EMSGSIZE,
 * ENOBUFS (dropped on its way out, and not tried again). For many frames, `openInjector`.
 */
export async function injectFrame(
  target: InterfaceRef,
  frame: EthernetFrame | Uint8Array,
): Promise<void> {
  shared ??= new SharedSocket(() => {
    shared = undefined;
  });
  const { buffer } = shared;
  let length = 0;
  try {
    length = buffer.write(frame, 0, () => readOwnAddress(resolveInterface(target, 'target')));
    const waiting = shared.send(target, buffer.bytes, length);
    // To await nothing would cost another turn of the microtask queue for each frame.
    if (waiting !== undefined) await waiting;
  } catch (error) {
    throw explainSending(error, target, length);
  }
}
