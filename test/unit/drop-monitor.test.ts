import { expect, it } from 'vitest';
import { encodeAttribute, uint32 } from '../../lib/netlink/netlink-message.ts';
import { counterMoved, dropEvent } from '../../lib/probes/drop-monitor/dropped-frame.ts';
import { decodeAlert, findNetDm } from '../../lib/probes/drop-monitor/net-dm.ts';

const text = (value: string) => Buffer.from(`${value}\0`);

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** A message of a generic netlink family. */
function generic(command: number, attributes: readonly Buffer[]) {
  const payload = Buffer.concat([Buffer.from([command, 2, 0, 0]), ...attributes]);
  return { type: 30, flags: 0, sequence: 0, payload };
}

// As in linux/net_dropmon.h.
function alert(protocol: number, frame: string, ...more: Buffer[]) {
  return generic(5, [
    encodeAttribute(3, text('__netif_receive_skb_core.constprop.0+0x14f/0x10c0')),
    encodeAttribute(
      4,
      Buffer.concat([encodeAttribute(0, uint32(3)), encodeAttribute(1, text('b'))]),
    ),
    encodeAttribute(5, uint64(1_700_000_000_123_000_000n)),
    encodeAttribute(6, uint16(protocol)),
    encodeAttribute(7, Buffer.from(frame, 'hex')),
    encodeAttribute(10, uint32(64)),
    encodeAttribute(23, text('UNHANDLED_PROTO')),
    ...more,
  ]);
}

function eventOf(message: ReturnType<typeof alert>, headerBytes = 14) {
  const decoded = decodeAlert(message);
  if (decoded === undefined) throw new Error('That was no alert.');
  return dropEvent(decoded, { name: 'b', netns: 7 }, headerBytes);
}

it('reads who sent a packet that the kernel dropped, where and why', () => {
  const drop = eventOf(alert(0x4321, '02000000000b00005e0053004321aabb'));
  expect(drop).toMatchObject({
    probe: 'drop-monitor',
    time: new Date(1_700_000_000_123),
    interface: 'b',
    ifindex: 3,
    netns: 7,
    source: '00:00:5e:00:53:00',
    destination: '02:00:00:00:00:0b',
    etherType: 0x4321,
    length: 64,
    reason: 'UNHANDLED_PROTO',
    location: '__netif_receive_skb_core',
  });
  expect(drop.header).toHaveLength(14);
  expect(counterMoved(drop)).toBe('rx_dropped');
});

it('looks behind VLAN tags', () => {
  const tagged = '02000000000b00005e005300' + '810060634321';
  const drop = eventOf(alert(0x8100, `${tagged}0000`));
  expect(drop).toMatchObject({ etherType: 0x4321, vlan: { id: 99, priority: 3 } });
});

it('takes no IP header for addresses of Ethernet', () => {
  const drop = eventOf(alert(0x0800, '450000542b3d40004001f6d3c6336401c6336402'));
  expect(drop).toMatchObject({ source: '', destination: '', etherType: 0x0800 });
});

it('says by a trap why the hardware dropped it', () => {
  const hardware = [
    encodeAttribute(14, uint16(1)),
    encodeAttribute(15, text('l2_drops')),
    encodeAttribute(16, text('ingress_vlan_filter')),
  ];
  const drop = eventOf(alert(0x4321, '02000000000b00005e0053004321', ...hardware));
  expect(drop).toMatchObject({ location: 'l2_drops', reason: 'ingress_vlan_filter' });
  expect(counterMoved(drop)).toBeUndefined();
});

it('finds the family among others, without asking for it', () => {
  const group = Buffer.concat([encodeAttribute(1, text('events')), encodeAttribute(2, uint32(5))]);
  const family = (name: string) =>
    generic(1, [
      encodeAttribute(1, uint16(33)),
      encodeAttribute(2, text(name)),
      encodeAttribute(7, encodeAttribute(1, group)),
    ]);
  expect(findNetDm([family('nl80211'), family('NET_DM')])).toEqual({ id: 33, group: 5 });
  expect(findNetDm([family('nl80211')])).toBeUndefined();
});
