import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DropEvent, type injectFrame, openInjector, watchDrops } from '../../lib/index.ts';
import { collectUntilMarker, stayOnCpu } from '../support/collect.ts';
import { B, vethScene } from '../support/drop-scene.ts';
import { llcFrame, SENDER, unknownFrame } from '../support/frames.ts';
import { dropByTc } from '../support/links.ts';
import { ip, linkUp } from '../support/namespace.ts';

beforeAll(async () => {
  stayOnCpu(0);
  await vethScene();
});

describe.each([0, 14, 64, 256])('with headerBytes %i', (headerBytes) => {
  it.each([14, 60, 61, 300, 1514])('tells of a frame of %i bytes', async (length) => {
    const frame = frameOf(length);
    const [drop] = await dropsOf(frame, headerBytes);
    expect(drop?.length).toBe(length);
    expect(toHex(drop?.header)).toBe(toHex(frame.subarray(0, headerBytes)));
    expect(drop).toMatchObject({ source: SENDER, destination: B, etherType: 0x4321 });
  });
});

it('tells of a length where IEEE 802.3 has one', async () => {
  const [drop] = await dropsOf(llcFrame('01:00:0c:cc:cc:cc', [0xaa, 0xaa, 0x03]), 64, 'all');
  expect(drop).toMatchObject({ source: SENDER, etherType: 46, length: 60 });
});

describe('VLAN tags', () => {
  const tagged = unknownFrame({ vlan: { id: 99, priority: 5, dei: true } });

  /** IEEE 802.1ad: tag 10 around tag 20. */
  const doubleTagged = unknownFrame({
    vlan: { id: 10, priority: 1, protocol: 0x88a8 },
    etherType: 0x8100,
    payload: Uint8Array.from([0x00, 0x14, 0x43, 0x21]),
  });

  describe('in line', () => {
    beforeAll(() => dropByTc('egress', 'a'));

    it('tells of one', async () => {
      const [drop] = await dropsOf(tagged, 64, 'all');
      expect(drop).toMatchObject({
        reason: 'TC_EGRESS',
        etherType: 0x4321,
        vlan: { id: 99, priority: 5, dei: true, protocol: 0x8100 },
        length: 64,
      });
      expect(toHex(drop?.header)).toContain('8100b0634321');
    });

    it('tells of the outer one of two', async () => {
      const [drop] = await dropsOf(doubleTagged, 64, 'all');
      expect(drop).toMatchObject({
        etherType: 0x4321,
        vlan: { id: 10, priority: 1, dei: false, protocol: 0x88a8 },
        length: 64,
      });
      expect(toHex(drop?.header)).toContain('88a8200a810000144321');
    });
  });

  describe('taken out of the frame by the kernel', () => {
    beforeAll(() => dropByTc('ingress', 'b'));

    it('tells of one', async () => {
      const [drop] = await dropsOf(tagged, 64, 'all');
      expect(drop).toMatchObject({
        reason: 'TC_INGRESS',
        etherType: 0x4321,
        vlan: { id: 99, priority: 5, dei: true, protocol: 0x8100 },
        length: 64,
      });
      expect(toHex(drop?.header)).toContain(`${toHex(frameOf(14))}0000`);
    });

    it('tells of the outer one of two', async () => {
      const [drop] = await dropsOf(doubleTagged, 64, 'all');
      expect(drop).toMatchObject({
        etherType: 0x4321,
        vlan: { id: 10, priority: 1, dei: false, protocol: 0x88a8 },
        length: 64,
      });
      expect(toHex(drop?.header)).toContain('810000144321');
    });
  });

  // __netif_receive_skb_core() clears it before it drops: __vlan_hwaccel_clear_tag().
  it('tells of none where no device has the VLAN, for the kernel has forgotten it', async () => {
    const [drop] = await dropsOf(tagged, 64);
    expect(drop).toMatchObject({ reason: 'UNHANDLED_PROTO', etherType: 0x4321, length: 60 });
    expect(drop).not.toHaveProperty('vlan');
  });
});

it('tells of no addresses where there is no Ethernet header', async () => {
  ip('tuntap', 'add', 'dev', 'tun0', 'mode', 'tun', 'pi');
  ip('link', 'set', 'dev', 'tun0', 'addrgenmode', 'none');
  linkUp('tun0');
  await using drops = await watchDrops();
  execFileSync('python3', ['-c', WRITE_TO_TUN]);
  const told = await collectUntilMarker(drops);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    interface: 'tun0',
    source: '',
    destination: '',
    etherType: 0x4321,
    length: 20,
    counter: { name: 'rx_dropped', before: 0n, after: 1n },
  });
});

/** TUNSETIFF, IFF_TUN and struct tun_pi: linux/if_tun.h */
const WRITE_TO_TUN = `
import fcntl, os, struct
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun0", 1))
os.write(tun, struct.pack("!HH", 0, 0x4321) + bytes(20))
`;

/** What is told of one frame that is sent on `a`. */
async function dropsOf(
  frame: Parameters<typeof injectFrame>[1],
  headerBytes: number,
  scope: 'counted' | 'all' = 'counted',
): Promise<DropEvent[]> {
  await using drops = await watchDrops({ scope, headerBytes });
  using injector = openInjector('a');
  try {
    injector.send(frame);
  } catch {
    // ENOBUFS, where it is dropped on its way out.
  }
  return await collectUntilMarker(drops);
}

/** An unknown frame to `b` in which no two bytes of the payload that lie together are the same. */
function frameOf(length: number): Uint8Array {
  const header = Buffer.from(`${B}:${SENDER}:43:21`.replaceAll(':', ''), 'hex');
  return Uint8Array.from({ length }, (_, at) => header[at] ?? at & 0xff);
}

function toHex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
