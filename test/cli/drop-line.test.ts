import { expect, it } from 'vitest';
import { HumanDropLines, jsonDropLines } from '../../lib/cli/drop-line.ts';
import type { DropEvent } from '../../lib/index.ts';

/** As they are in a drop without an interface, an Ethernet header, and all else that may be absent. */
const BARE: DropEvent = {
  probe: 'ebpf',
  time: new Date(0),
  timestampNs: 2n ** 60n + 1n,
  interface: '',
  ifindex: 0,
  netns: 1,
  source: '',
  destination: '',
  etherType: 0x0800,
  length: 20,
  header: new Uint8Array(0),
};

it('prints null for whatever a drop does not have', () => {
  expect(jsonDropLines.drop(BARE)).toBe(
    '{"event":"drop","time":"1970-01-01T00:00:00.000Z","timestamp_ns":1152921504606846977,' +
      '"probe":"ebpf","interface":null,"ifindex":null,"netns":1,"source":null,"destination":null,' +
      '"ether_type":"0x0800","vlan":null,"counter":null,"before":null,"after":null,' +
      '"reason":null,"location":null,"length":20}\n',
  );
});

it('prints a dash for it to people', () => {
  expect(new HumanDropLines().drop(BARE)).toMatch(/\d {2}- {2}- {2}0x0800 {2}20 bytes {2}-\n$/);
});

it('says what it means that drops were lost, and where', () => {
  const lines = new HumanDropLines();
  expect(lines.lost({ probe: 'ebpf', count: 3, where: 'kernel' })).toMatch(
    /lost 3: the kernel's buffer was full, or a drop interrupted another one\n$/,
  );
  expect(lines.lost({ probe: 'ebpf', count: 4, where: 'queue' })).toMatch(
    /lost 4: this output was read too slowly\n$/,
  );
});
