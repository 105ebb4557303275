import { endianness } from 'node:os';
import { asked } from '../errors.ts';
import { type Links, native } from '../native.ts';
import type { LinkStats } from './link-stats.ts';

// struct LinkRecord in native/node/link_table.cc.
const RECORD_BYTES = 224;
const FIELDS = 4;
const NAME = 8;
const NAME_BYTES = 16;
const COUNTERS = 24;

const LITTLE_ENDIAN = endianness() === 'LE';

/** Where the last counter of struct rtnl_link_stats64 stands: the only one that may be missing. */
const OTHERHOST = 24;

/**
 * The counters of the link with this ifindex, in a list of one or none; of all links with 0. Throws
 * SystemCallError when the kernel does not answer: EMFILE.
 */
export function readLinkRecords(ifindex: number, links: Links = native()): LinkStats[] {
  const buffer = asked('reading link counters', () => links.readLinkStats(ifindex));
  const records: LinkStats[] = [];
  for (let start = 0; start < buffer.byteLength; start += RECORD_BYTES) {
    records.push(decode(new DataView(buffer, start, RECORD_BYTES)));
  }
  return records;
}

function decode(record: DataView): LinkStats {
  const counter = (at: number) => record.getBigUint64(COUNTERS + at * 8, LITTLE_ENDIAN);
  const fields = record.getUint32(FIELDS, LITTLE_ENDIAN);
  return {
    name: nameOf(record),
    ifindex: record.getInt32(0, LITTLE_ENDIAN),
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    rxDropped: counter(6),
    txDropped: counter(7),
    multicast: counter(8),
    collisions: counter(9),
    rxLengthErrors: counter(10),
    rxOverErrors: counter(11),
    rxCrcErrors: counter(12),
    rxFrameErrors: counter(13),
    rxFifoErrors: counter(14),
    rxMissedErrors: counter(15),
    txAbortedErrors: counter(16),
    txCarrierErrors: counter(17),
    txFifoErrors: counter(18),
    txHeartbeatErrors: counter(19),
    txWindowErrors: counter(20),
    rxCompressed: counter(21),
    txCompressed: counter(22),
    rxNohandler: counter(23),
    rxOtherhostDropped: fields > OTHERHOST ? counter(OTHERHOST) : undefined,
  };
}

function nameOf({ buffer, byteOffset }: DataView): string {
  const bytes = Buffer.from(buffer, byteOffset + NAME, NAME_BYTES);
  return bytes.toString('utf8', 0, bytes.indexOf(0));
}
