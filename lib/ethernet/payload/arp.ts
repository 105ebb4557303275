import { MAC_LENGTH, writeMacAddress } from '../mac-address.ts';
import { put16, uint } from './fields.ts';
import { IPV4_LENGTH, writeIpv4Address } from './ip-address.ts';

/** An ARP packet for IPv4 on Ethernet: RFC 826. */
export interface ArpPacket {
  /** 1 asks, 2 answers. 16 bits. Default: 1. */
  readonly operation?: number | undefined;
  readonly senderMac: string;
  readonly senderIp: string;
  /** Default: 00:00:00:00:00:00. */
  readonly targetMac?: string | undefined;
  readonly targetIp: string;
  /** Default: 1, Ethernet. */
  readonly hardwareType?: number | undefined;
  /** Default: 0x0800, IPv4. */
  readonly protocolType?: number | undefined;
  /** Bytes of a hardware address. Default: 6. */
  readonly hardwareLength?: number | undefined;
  /** Bytes of a protocol address. Default: 4. */
  readonly protocolLength?: number | undefined;
}

/** How many bytes `writeArp` writes. */
export const ARP_LENGTH = 28;

/** Writes a packet at `into[offset]`. */
export function writeArp(arp: ArpPacket, into: Uint8Array, offset: number, argument: string): void {
  const { targetMac = '00:00:00:00:00:00' } = arp;
  put16(into, offset, uint(arp.hardwareType ?? 1, 16, argument, 'hardwareType'));
  put16(into, offset + 2, uint(arp.protocolType ?? 0x0800, 16, argument, 'protocolType'));
  into[offset + 4] = uint(arp.hardwareLength ?? MAC_LENGTH, 8, argument, 'hardwareLength');
  into[offset + 5] = uint(arp.protocolLength ?? IPV4_LENGTH, 8, argument, 'protocolLength');
  put16(into, offset + 6, uint(arp.operation ?? 1, 16, argument, 'operation'));
  writeMacAddress(arp.senderMac, `${argument}.senderMac`, into, offset + 8);
  writeIpv4Address(arp.senderIp, into, offset + 14, argument, 'senderIp');
  writeMacAddress(targetMac, `${argument}.targetMac`, into, offset + 18);
  writeIpv4Address(arp.targetIp, into, offset + 24, argument, 'targetIp');
}
