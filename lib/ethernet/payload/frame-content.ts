import { ARP_LENGTH, type ArpPacket, writeArp } from './arp.ts';
import { bytesLength, checkObject, onlyOne } from './fields.ts';
import { type Ipv4Packet, ipv4Length, writeIpv4 } from './ipv4.ts';
import { type Ipv6Packet, ipv6Length, writeIpv6 } from './ipv6.ts';
import { type LlcPdu, llcLength, writeLlc } from './llc.ts';
import { type LldpPdu, lldpLength, writeLldp } from './lldp.ts';

/** What a frame carries: one of these, or nothing. Lengths and checksums are filled in. */
export interface FrameContent {
  readonly arp?: ArpPacket | undefined;
  readonly ipv4?: Ipv4Packet | undefined;
  readonly ipv6?: Ipv6Packet | undefined;
  readonly llc?: LlcPdu | undefined;
  readonly lldp?: LldpPdu | undefined;
  /** Anything else: what follows the EtherType. */
  readonly payload?: Uint8Array | undefined;
}

const KINDS = ['arp', 'ipv4', 'ipv6', 'llc', 'lldp', 'payload'] as const;

/** How many bytes `writeFrameContent` writes. ArgumentError where there is more than one of them. */
export function frameContentLength(content: FrameContent, argument: string): number {
  const { arp, ipv4, ipv6, llc, lldp, payload } = content;
  const values = [arp, ipv4, ipv6, llc, lldp, payload];
  const index = onlyOne(values, KINDS, argument);
  const kind = KINDS[index];
  if (kind !== undefined && kind !== 'payload') checkObject(values[index], `${argument}.${kind}`);
  if (ipv4 !== undefined) return ipv4Length(ipv4, `${argument}.ipv4`);
  if (ipv6 !== undefined) return ipv6Length(ipv6, `${argument}.ipv6`);
  if (llc !== undefined) return llcLength(llc, `${argument}.llc`);
  if (lldp !== undefined) return lldpLength(lldp, `${argument}.lldp`);
  if (arp !== undefined) return ARP_LENGTH;
  return bytesLength(payload, argument, 'payload');
}

/** Writes it at `into[offset]`. */
export function writeFrameContent(
  { arp, ipv4, ipv6, llc, lldp, payload }: FrameContent,
  into: Uint8Array,
  offset: number,
  length: number,
  argument: string,
): void {
  if (ipv4 !== undefined) writeIpv4(ipv4, into, offset, length, `${argument}.ipv4`);
  else if (ipv6 !== undefined) writeIpv6(ipv6, into, offset, length, `${argument}.ipv6`);
  else if (llc !== undefined) writeLlc(llc, into, offset, `${argument}.llc`);
  else if (lldp !== undefined) writeLldp(lldp, into, offset, `${argument}.lldp`);
  else if (arp !== undefined) writeArp(arp, into, offset, `${argument}.arp`);
  else if (payload !== undefined) into.set(payload, offset);
}

/**
 * What stands before it: its EtherType, or its length where it is LLC. undefined: nobody knows. `length`:
 * of the content.
 */
export function typeField(
  { arp, ipv4, ipv6, llc, lldp }: FrameContent,
  length: number,
): number | undefined {
  if (ipv4 !== undefined) return 0x0800;
  if (ipv6 !== undefined) return 0x86dd;
  if (arp !== undefined) return 0x0806;
  if (lldp !== undefined) return 0x88cc;
  if (llc !== undefined) return llc.length ?? length;
  return undefined;
}
