import type { Stream } from './world.ts';

/** Marks frames of a world; the frame's number follows. */
const MARK = Buffer.from('dsWl');

/** The addresses that a stream's frames go to. */
export interface Target {
  readonly address: string;
  readonly ipv4: string;
}

/** The beginning of a stream's frames, and where their number lies in it. */
export interface FrameHead {
  readonly head: Buffer;
  readonly numberAt: number;
}

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STRANGER = '02:d5:00:00:03:01';

/** The address of a link that the model counts as `number`. */
export function addressOf(number: number): string {
  return `02:d5:00:00:01:${number.toString(16).padStart(2, '0')}`;
}

/** The address of a sender. */
export function sourceOf(number: number): string {
  return `02:d5:00:00:02:${number.toString(16).padStart(2, '0')}`;
}

/** Frames of a stream: with an Ethernet header, but for a tun device. */
export function frameHead(stream: Stream, target: Target, isTun: boolean): FrameHead {
  const destinations = { receiver: target.address, stranger: STRANGER, broadcast: BROADCAST };
  const addresses = macBytes(destinations[stream.to] + sourceOf(stream.source));
  const { vlan, frame } = stream;
  const tag = vlan === undefined ? [] : [vlan.protocol === '802.1Q' ? 0x8100 : 0x88a8, vlan.id];
  const type = frame === 'unknown' ? stream.etherType : 0x0800;
  const link = isTun ? Buffer.alloc(0) : Buffer.concat([addresses, words(...tag, type)]);
  const bytes = (isTun ? stream.length - 14 : stream.length) - link.length;
  const content = frame === 'unknown' ? Buffer.alloc(0) : udpHeader(bytes, target.ipv4);
  if (frame === 'version0') content[0] = 0;
  const head = Buffer.concat([link, content, MARK, Buffer.alloc(4)]);
  return { head, numberAt: head.length - 4 };
}

/** The number of the frame that begins with these bytes; undefined: it is none of this world's. */
export function frameNumber(header: Uint8Array): number | undefined {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  const at = bytes.indexOf(MARK);
  return at < 0 || bytes.length < at + 8 ? undefined : bytes.readUInt32BE(at + 4);
}

/** The headers of an IPv4 packet with UDP to a closed port. */
function udpHeader(bytes: number, destination: string): Buffer {
  const to = destination.split('.').map(Number);
  const from = [...to.slice(0, 3), 9];
  const ip = Buffer.concat([words(0x4500, bytes, 0, 0, 0x4011, 0), Buffer.from([...from, ...to])]);
  let sum = 0;
  for (let at = 0; at < ip.length; at += 2) sum += ip.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  ip.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([ip, words(9999, 9, bytes - ip.length, 0)]);
}

function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
