import { asked, isRawSystemError } from '../errors.ts';
import type { InterfaceRef } from '../link/interface.ts';
import { type Links, native, type PacketSocket } from '../native.ts';
import { packetSocketFailed, sendFailed } from './send-errors.ts';

/**
 * Opens a packet socket in this process's network namespace, or in that behind a file.
 * SystemCallError with ERR_PERMISSION without CAP_NET_RAW.
 */
export function openPacketSocket(networkNamespace?: string): PacketSocket {
  const addon = native();
  return asked(
    'opening a packet socket',
    () => addon.openPacketSocket(networkNamespace),
    packetSocketFailed,
  );
}

/** Reads an interface's MAC address. RawSystemError with ENODEV when it is gone. */
export function readOwnAddress(ifindex: number, links: Links = native()): Uint8Array {
  // netdevice(7) asks by name only. An interface that is gone has the name '', as no other has.
  return links.hardwareAddress(links.interfaceName(ifindex));
}

/** What to throw when the kernel answered `error` to a frame of `length` bytes. */
export function explainSending(error: unknown, target: InterfaceRef, length: number): unknown {
  return isRawSystemError(error) ? sendFailed(error, { target, length }) : error;
}
