import { formatMacAddress } from '../ethernet/mac-address.ts';
import { vlanTag } from '../ethernet/vlan.ts';
import { COUNTER_NAMES, NO_REASON, type RecordContext } from './drop-record.ts';
import type { Talker } from './drop-summary.ts';

/**
 * Where the fields of struct TalkerRecord lie (native/kernel/talker_tables.h), in bytes from its
 * start. The first 40 bytes are what tells a talker from all others.
 */
const AT = {
  location: 0,
  destination: 8,
  source: 14,
  etherType: 20,
  vlanTci: 22,
  ifindex: 24,
  reason: 28,
  netns: 32,
  vlanProtocol: 36,
  counter: 38,
  isEthernet: 39,
  count: 40,
  firstNs: 48,
  lastNs: 56,
  interface: 64,
  missing: 80,
} as const;
const KEY_BYTES = 40;
const RECORD_BYTES = 88;

/** The talkers in records that lie end to end, each with its key. */
export function* decodeTalkers(
  buffer: ArrayBuffer,
  context: Pick<RecordContext, 'reasonName' | 'functionName'>,
): Generator<readonly [key: string, talker: Talker]> {
  // Wall clock less CLOCK_MONOTONIC, in milliseconds.
  const wallClockMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  for (let start = 0; start < buffer.byteLength; start += RECORD_BYTES) {
    const bytes = Buffer.from(buffer, start, RECORD_BYTES);
    yield [bytes.toString('latin1', 0, KEY_BYTES), decode(bytes, context, wallClockMs)];
  }
}

function decode(
  record: Buffer,
  { reasonName, functionName }: Pick<RecordContext, 'reasonName' | 'functionName'>,
  wallClockMs: number,
): Talker {
  const isEthernet = record[AT.isEthernet] === 1;
  const mac = (at: number) => (isEthernet ? formatMacAddress(record, at) : '');
  const time = (at: number) => new Date(wallClockMs + Number(record.readBigUInt64LE(at)) / 1e6);
  const protocol = record.readUInt16LE(AT.vlanProtocol);
  const counter = COUNTER_NAMES[record.readUInt8(AT.counter)];
  const reason = record.readUInt32LE(AT.reason);
  const location = functionName(
    record.readUInt32LE(AT.location),
    record.readUInt32LE(AT.location + 4),
  );
  const name = record.subarray(AT.interface, AT.missing);
  return {
    interface: name.toString('utf8', 0, name.indexOf(0)),
    ifindex: record.readUInt32LE(AT.ifindex),
    netns: record.readUInt32LE(AT.netns),
    source: mac(AT.source),
    destination: mac(AT.destination),
    etherType: record.readUInt16LE(AT.etherType),
    ...(protocol !== 0 && { vlan: vlanTag(protocol, record.readUInt16LE(AT.vlanTci)) }),
    ...(counter !== undefined && { counter }),
    ...(reason !== NO_REASON && { reason: reasonName(reason) }),
    ...(location !== undefined && { location }),
    count: Number(record.readBigUInt64LE(AT.count)),
    missing: Number(record.readBigUInt64LE(AT.missing)),
    first: time(AT.firstNs),
    last: time(AT.lastNs),
  };
}
