import { formatMacAddress } from '../ethernet/mac-address.ts';
import { vlanTag } from '../ethernet/vlan.ts';
import { COUNTER_NAMES, NO_REASON, type RecordContext } from './drop-record.ts';
import type { TalkerCount, TalkerIdentity } from './drop-summary.ts';

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

/** What the records that lie end to end say of each talker. */
export function* decodeTalkers(
  buffer: ArrayBuffer,
  { reasonName, functionName }: Pick<RecordContext, 'reasonName' | 'functionName'>,
): Generator<TalkerCount> {
  // Wall clock less CLOCK_MONOTONIC, in milliseconds.
  const wallClockMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  for (let start = 0; start < buffer.byteLength; start += RECORD_BYTES) {
    const record = Buffer.from(buffer, start, RECORD_BYTES);
    const key = record.toString('latin1', 0, KEY_BYTES);
    const name = record.toString('latin1', AT.interface, AT.missing);
    // Now: its module may be unloaded later.
    const location = functionName(
      record.readUInt32LE(AT.location),
      record.readUInt32LE(AT.location + 4),
    );
    yield {
      key,
      count: readUint64(record, AT.count),
      missing: readUint64(record, AT.missing),
      first: wallClockMs + readUint64(record, AT.firstNs) / 1e6,
      last: wallClockMs + readUint64(record, AT.lastNs) / 1e6,
      identify: () => identify(key, name, location, reasonName),
    };
  }
}

function identify(
  key: string,
  name: string,
  location: string | undefined,
  reasonName: RecordContext['reasonName'],
): TalkerIdentity {
  const record = Buffer.from(key, 'latin1');
  const isEthernet = record[AT.isEthernet] === 1;
  const mac = (at: number) => (isEthernet ? formatMacAddress(record, at) : '');
  const protocol = record.readUInt16LE(AT.vlanProtocol);
  const counter = COUNTER_NAMES[record.readUInt8(AT.counter)];
  const reason = record.readUInt32LE(AT.reason);
  return {
    interface: Buffer.from(name.slice(0, name.indexOf('\0')), 'latin1').toString(),
    ifindex: record.readUInt32LE(AT.ifindex),
    netns: record.readUInt32LE(AT.netns),
    source: mac(AT.source),
    destination: mac(AT.destination),
    etherType: record.readUInt16LE(AT.etherType),
    ...(protocol !== 0 && { vlan: vlanTag(protocol, record.readUInt16LE(AT.vlanTci)) }),
    ...(counter !== undefined && { counter }),
    ...(reason !== NO_REASON && { reason: reasonName(reason) }),
    ...(location !== undefined && { location }),
  };
}

/** Exact up to 2^53; a BigInt would take ten times as long. */
function readUint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
