import type { CounterAmounts, DropAccount } from '../drops/drop-account.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';

// struct DropAccount in native/kernel/drop_tracer.h
const ACCOUNT_BYTES = 216;
const FIRST_AMOUNT = 8;
const REFUSED_BY_PEER = 200;
const IS_NEW = 208;

/** The accounts in records that lie end to end, as `DropTracer.accounts` gives them. */
export function decodeAccounts(buffer: ArrayBuffer): DropAccount[] {
  const accounts: DropAccount[] = [];
  for (let start = 0; start < buffer.byteLength; start += ACCOUNT_BYTES) {
    accounts.push(decode(Buffer.from(buffer, start, ACCOUNT_BYTES)));
  }
  return accounts;
}

function decode(record: Buffer): DropAccount {
  const amounts = (kind: number): CounterAmounts =>
    Object.fromEntries(
      COUNTER_NAMES.map((name, i) => {
        const at = FIRST_AMOUNT + (kind * COUNTER_NAMES.length + i) * 8;
        return [name, record.readBigUInt64LE(at)];
      }),
    );
  return {
    ifindex: record.readUInt32LE(0),
    netns: record.readUInt32LE(4),
    isNew: record.readUInt32LE(IS_NEW) === 1,
    start: amounts(0),
    told: amounts(1),
    filtered: amounts(2),
    lost: amounts(3),
    driver: amounts(4),
    freedFirst: amounts(5),
    refusedByPeer: record.readBigUInt64LE(REFUSED_BY_PEER),
  };
}
