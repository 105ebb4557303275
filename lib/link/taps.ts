import { readFileSync } from 'node:fs';
import { interfaceName } from './interface.ts';

/** A packet socket that takes frames of every protocol, as tcpdump and lldpd open them. */
export interface Tap {
  /** The interface that it is bound to; absent: all of this network namespace. */
  readonly interface?: string;
}

/** ETH_P_ALL in linux/if_ether.h */
const EVERY_PROTOCOL = 3;

/**
 * The taps that are open in this network namespace, one for each interface. While there is one, the
 * kernel hands it the frames that no protocol takes, and does not drop them.
 */
export function openTaps(): Tap[] {
  return parseTaps(readPacketSockets()).flatMap((ifindex) => {
    if (ifindex === 0) return [{}];
    const name = interfaceName(ifindex);
    return name === '' ? [] : [{ interface: name }];
  });
}

/**
 * The ifindexes that taps are bound to, 0 for all, out of /proc/net/packet. A socket that does not
 * run takes nothing. packet_seq_show() in net/packet/af_packet.c.
 */
export function parseTaps(text: string): number[] {
  const [, ...lines] = text.trimEnd().split('\n');
  const taps = lines
    .map((line) => line.split(/ +/))
    .filter(([, , , protocol = '', , running]) => {
      return Number.parseInt(protocol, 16) === EVERY_PROTOCOL && running === '1';
    });
  return [...new Set(taps.map(([, , , , ifindex]) => Number(ifindex)))];
}

/** '' where the kernel has no packet sockets, or has not loaded them yet. */
function readPacketSockets(): string {
  try {
    return readFileSync('/proc/net/packet', 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
