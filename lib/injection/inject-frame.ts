import { isRawSystemError } from '../errors.ts';
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
  // A name is resolved when the frame is sent; where that is later, it is looked at now, too.
  if (typeof target !== 'string' || shared.busy) resolveInterface(target, 'target');
  const { buffer } = shared;
  let length = 0;
  let waiting: Promise<void> | undefined;
  try {
    length = buffer.write(frame, 0, () => readOwnAddress(resolveInterface(target, 'target')));
    waiting = shared.send(target, buffer.bytes, length);
  } catch (error) {
    // In words, where there is no such interface or can be none.
    if (isRawSystemError(error) && error.syscall === 'ioctl') resolveInterface(target, 'target');
    throw explainSending(error, target, length);
  }
  // To await nothing would cost another turn of the microtask queue for each frame.
  if (waiting === undefined) return;
  try {
    await waiting;
  } catch (error) {
    throw explainSending(error, target, length);
  }
}
