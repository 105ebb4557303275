import { bytesLength, checkObject, onlyOne } from './fields.ts';
import { type IcmpMessage, icmpLength, writeIcmp } from './icmp.ts';
import { type TcpSegment, tcpLength, writeTcp } from './tcp.ts';
import { type UdpDatagram, udpLength, writeUdp } from './udp.ts';

/** What an IP packet carries: one of these, or nothing. */
export interface IpContent {
  readonly udp?: UdpDatagram | undefined;
  readonly tcp?: TcpSegment | undefined;
  readonly icmp?: IcmpMessage | undefined;
  /** Anything else. */
  readonly payload?: Uint8Array | undefined;
}

const KINDS = ['udp', 'tcp', 'icmp', 'payload'] as const;

/** Which of them a packet has. */
export function kindOf(
  { udp, tcp, icmp, payload }: IpContent,
  argument: string,
): (typeof KINDS)[number] | undefined {
  const values = [udp, tcp, icmp, payload];
  const index = onlyOne(values, KINDS, argument);
  const kind = KINDS[index];
  if (kind !== undefined && kind !== 'payload') checkObject(values[index], `${argument}.${kind}`);
  return kind;
}

/** How many bytes `writeIpContent` writes. ArgumentError where there is more than one of them. */
export function ipContentLength(content: IpContent, argument: string): number {
  kindOf(content, argument);
  const { udp, tcp, icmp, payload } = content;
  if (udp !== undefined) return udpLength(udp, `${argument}.udp`);
  if (tcp !== undefined) return tcpLength(tcp, `${argument}.tcp`);
  if (icmp !== undefined) return icmpLength(icmp, `${argument}.icmp`);
  return bytesLength(payload, argument, 'payload');
}

/**
 * Writes it at `into[offset]`. `pseudoHeader`: the sum of the words of that, where the checksum of
 * each is over one.
 */
export function writeIpContent(
  { udp, tcp, icmp, payload }: IpContent,
  into: Uint8Array,
  offset: number,
  length: number,
  pseudoHeader: { readonly transport: number; readonly icmp: number },
  argument: string,
): void {
  const { transport } = pseudoHeader;
  if (udp !== undefined) writeUdp(udp, into, offset, length, transport, `${argument}.udp`);
  else if (tcp !== undefined) writeTcp(tcp, into, offset, length, transport, `${argument}.tcp`);
  else if (icmp !== undefined) {
    writeIcmp(icmp, into, offset, length, pseudoHeader.icmp, `${argument}.icmp`);
  } else if (payload !== undefined) into.set(payload, offset);
}
