import { isRawSystemError } from '../errors.ts';
import type { InterfaceRef } from '../link/interface.ts';
import { native, type PacketSocket } from '../native.ts';
import { packetSocketFailed, sendFailed } from './send-errors.ts';

/** Opens a packet socket. SystemCallError with ERR_PERMISSION without CAP_NET_RAW. */
export function openPacketSocket(): PacketSocket {
  const addon = native();
  try {
    return addon.openPacketSocket();
  } catch (error) {
    throw isRawSystemError(error) ? packetSocketFailed(error) : error;
  }
}

/** Reads an interface's MAC address. SystemCallError with ERR_INTERFACE_GONE when it is gone. */
export function readOwnAddress(ifindex: number, target: InterfaceRef): Uint8Array {
  try {
    // netdevice(7) asks by name only. An interface that is gone has the name '', as no other has.
    return native().hardwareAddress(native().interfaceName(ifindex));
  } catch (error) {
    throw explainSending(error, ifindex, target, 0);
  }
}

/** What to throw when the kernel answered `error` to a frame of `length` bytes. */
export function explainSending(
  error: unknown,
  ifindex: number,
  target: InterfaceRef,
  length: number,
): unknown {
  if (!isRawSystemError(error)) return error;
  // By its present name: a command with the one before a rename would mend nothing.
  const name = native().interfaceName(ifindex);
  return sendFailed(error, { target: name === '' ? target : name, length });
}
