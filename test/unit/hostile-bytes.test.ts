import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CaptureBlock } from '../../lib/capture/capture-block.ts';
import { CaptureDamage, MOST_BYTES } from '../../lib/capture/capture-parser.ts';
import { pcapParser } from '../../lib/capture/pcap.ts';
import { pcapngParser } from '../../lib/capture/pcapng.ts';
import { readCapture } from '../../lib/capture/read-capture.ts';
import { DropRecords } from '../../lib/drops/drop-record.ts';
import { decodeTalkers } from '../../lib/drops/talker-record.ts';
import { decodeFrame, encodeFrame } from '../../lib/ethernet/frame.ts';
import { ArgumentError, CaptureError, type EthernetFrame } from '../../lib/index.ts';
import { Btf } from '../../lib/kernel/btf.ts';
import { reasonsInBtf, reasonsInTraceFormat } from '../../lib/kernel/drop-reasons.ts';
import { SymbolTable } from '../../lib/kernel/symbol-table.ts';
import { decodeLink } from '../../lib/link/link-state.ts';
import { decodePacketSocket } from '../../lib/link/packet-sockets.ts';
import { parseSoftnet } from '../../lib/link/softnet.ts';
import {
  decodeMessages,
  encodeAttribute,
  encodeMessage,
  listAttributes,
  outcomeOf,
  textOf,
  uint32,
} from '../../lib/netlink/netlink-message.ts';
import { dropEvent } from '../../lib/probes/drop-monitor/dropped-frame.ts';
import { decodeAlert, decodeStats, findNetDm } from '../../lib/probes/drop-monitor/net-dm.ts';
import { parseProbePoint } from '../../lib/probes/systemtap/probe-points.ts';
import { ScriptFeed } from '../../lib/probes/systemtap/script-feed.ts';
import { parseLastWords, parseScriptLine } from '../../lib/probes/systemtap/script-output.ts';
import { pcapFile, pcapngFile } from '../support/capture-file.ts';
import {
  effort,
  HOSTILE_TIMEOUT_MS,
  hostileBytes,
  type Outcome,
  parsedAlone,
} from '../support/hostile.ts';

/** What a MAC address looks like in a drop; '' where there is no Ethernet header. */
const MAC = /^(?:[\da-f]{2}(?::[\da-f]{2}){5})?$/;

/** Properties share the time of `npm run fuzz`. */
const PART = 1 / 13;

/** What all outcomes have in common, whatever lay around the bytes. A thrown error has to be one of `errors`. */
function theOutcome<T>(outcomes: readonly Outcome<T>[], ...errors: ErrorClass[]): T | undefined {
  const [first, ...others] = outcomes;
  for (const other of others) expect(other).toEqual(first);
  if (first === undefined || 'value' in first) return first?.value;
  expect(errors).toContain((first.error as Error).constructor);
  return undefined;
}

type ErrorClass = abstract new (...args: never[]) => Error;

const FRAMES = [
  { bytes: new Uint8Array(60).fill(0x43), timeNs: 1_700_000_000_000_000_000n },
  { bytes: new Uint8Array(0), timeNs: 1_700_000_000_000_001_000n },
  { bytes: new Uint8Array(90).fill(0x81), timeNs: 1_700_000_001_000_000_000n, original: 1500 },
];
const CAPTURES = ([pcapFile, pcapngFile] as const).flatMap((write) =>
  [true, false].map((littleEndian) => write(FRAMES, { littleEndian, digits: 9 })),
);

it(
  'reads frames of any capture file from within it, or says that it is damaged',
  () => {
    fc.assert(
      fc.property(hostileBytes(CAPTURES), (file) => {
        const block = theOutcome(
          parsedAlone(file, (bytes) => {
            if (bytes.length < 4) return undefined;
            const magic = bytes.readUInt32BE(0);
            const room = new CaptureBlock(bytes.length);
            const used = (pcapParser(magic) ?? pcapngParser(magic))?.parse(bytes, 0, room);
            expect(used ?? 0).toBeGreaterThanOrEqual(0);
            const { offsets, lengths, timesNs } = room;
            return { offsets, lengths, timesNs };
          }),
          CaptureDamage,
        );
        block?.offsets.forEach((offset, i) => {
          const length = block.lengths[i] ?? 0;
          expect(length).toBeLessThanOrEqual(MOST_BYTES);
          expect(offset + length).toBeLessThanOrEqual(file.length);
          expect(block.timesNs[i]).not.toBeNaN();
        });
      }),
      effort(400, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

it(
  'reads any capture file to its end, or throws a CaptureError',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dropscope-hostile-'));
    const path = join(folder, 'file');
    const { signal } = new AbortController();
    try {
      await fc.assert(
        fc.asyncProperty(hostileBytes(CAPTURES), async (file) => {
          writeFileSync(path, file);
          try {
            for await (const { bytes, block } of readCapture(path, signal)) {
              expect(block.count).toBeLessThanOrEqual(bytes.length);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(CaptureError);
          }
        }),
        effort(100, PART),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  HOSTILE_TIMEOUT_MS,
);

const text = (value: string) => Buffer.from(`${value}\0`);

const ALERT = Buffer.concat([
  Buffer.from([5, 2, 0, 0]),
  encodeAttribute(3, text('__netif_receive_skb_core.constprop.0+0x14f/0x10c0')),
  encodeAttribute(4, encodeAttribute(0, uint32(3))),
  encodeAttribute(5, Buffer.alloc(8, 0x17)),
  encodeAttribute(6, Buffer.of(0x21, 0x43)),
  encodeAttribute(7, Buffer.from('02000000000b00005e005300810000634321aabb', 'hex')),
  encodeAttribute(10, uint32(64)),
  encodeAttribute(16, text('trap')),
  encodeAttribute(23, text('UNHANDLED_PROTO')),
]);
const STATS = Buffer.concat([
  Buffer.from([8, 2, 0, 0]),
  encodeAttribute(12, encodeAttribute(0, Buffer.alloc(8, 1))),
  encodeAttribute(13, encodeAttribute(0, Buffer.alloc(8, 2))),
]);
const GROUP = Buffer.concat([encodeAttribute(1, text('events')), encodeAttribute(2, uint32(7))]);
const FAMILY = Buffer.concat([
  Buffer.from([1, 2, 0, 0]),
  encodeAttribute(1, Buffer.of(29, 0)),
  encodeAttribute(2, text('NET_DM')),
  encodeAttribute(7, encodeAttribute(1, GROUP)),
]);
const DATAGRAMS = [ALERT, STATS, FAMILY, uint32(0xffffffed)].map((payload, i) =>
  encodeMessage({ type: i === 3 ? 2 : 16, flags: 0, sequence: 1, payload }),
);

it(
  'reads any netlink message, and what the drop monitor says in it',
  () => {
    fc.assert(
      fc.property(hostileBytes(DATAGRAMS), (datagram) => {
        const said = theOutcome(
          parsedAlone(datagram, (bytes) => {
            const messages = decodeMessages(bytes);
            return {
              attributes: messages.map(({ payload }) =>
                listAttributes(payload.subarray(4)).map(([type, value]) => [type, textOf(value)]),
              ),
              outcomes: messages.map(outcomeOf),
              family: findNetDm(messages),
              lost: decodeStats(messages),
              alerts: messages.map(decodeAlert).filter((alert) => alert !== undefined),
            };
          }),
        );
        for (const outcome of said?.outcomes ?? []) {
          if (outcome !== undefined) expect(outcome).toBeGreaterThanOrEqual(0);
          if (outcome !== undefined) expect(outcome).toBeLessThan(4096);
        }
        for (const alert of said?.alerts ?? []) {
          const { source, destination, time } = dropEvent(alert, { name: 'b', netns: 7 }, 64);
          expect([source, destination]).toEqual([
            expect.stringMatching(MAC),
            expect.stringMatching(MAC),
          ]);
          expect(time).toBeInstanceOf(Date);
        }
      }),
      effort(400, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

const LINK = Buffer.concat([
  Buffer.from([0, 0, 1, 0, 7, 0, 0, 0, 0x43, 0x10, 1, 0, 0, 0, 0, 0]),
  encodeAttribute(3, text('vb')),
  encodeAttribute(5, uint32(8)),
  encodeAttribute(10, uint32(9)),
  encodeAttribute(
    18,
    Buffer.concat([
      encodeAttribute(1, text('veth')),
      encodeAttribute(4, text('bond')),
      encodeAttribute(5, encodeAttribute(1, Buffer.of(1))),
    ]),
  ),
]);
const PACKET_SOCKET = Buffer.concat([
  Buffer.from([17, 3, 3, 0, 0x39, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
  encodeAttribute(0, Buffer.concat([7, 0, 0, 0, 0, 1].map(uint32))),
]);

it(
  'reads any link and any packet socket that the kernel describes',
  () => {
    const decode = (payload: Buffer) => {
      const message = { type: 16, flags: 0, sequence: 1, payload };
      return { links: decodeLink(message), sockets: decodePacketSocket(message) };
    };
    expect(decode(LINK).links).toEqual([
      {
        name: 'vb',
        ifindex: 7,
        isUp: true,
        hasCarrier: true,
        kind: 'veth',
        master: 9,
        masterKind: 'bond',
        isInactivePort: true,
        lower: 8,
      },
    ]);
    expect(decode(PACKET_SOCKET).sockets).toEqual([{ protocol: 3, ifindex: 7, inode: 12345 }]);
    fc.assert(
      fc.property(hostileBytes([LINK, PACKET_SOCKET]), (payload) => {
        theOutcome(parsedAlone(payload, decode));
      }),
      effort(400, PART),
    );
    // An attribute that is too short is as good as none.
    const short = [3, 5, 10].map((type) => encodeAttribute(type, Buffer.of(1)));
    expect(decode(Buffer.concat([LINK.subarray(0, 16), ...short])).links).toMatchObject([
      { ifindex: 7, master: 0, lower: 0 },
    ]);
    const cut = encodeAttribute(0, Buffer.alloc(22, 1));
    expect(decode(Buffer.concat([PACKET_SOCKET.subarray(0, 16), cut])).sockets).toEqual([]);
  },
  HOSTILE_TIMEOUT_MS,
);

const RECORD_BYTES = 208;
const CONTEXT = {
  probe: 'ebpf',
  recordBytes: RECORD_BYTES,
  reasonName: String,
  functionName: (low: number, high: number) => `${high}:${low}`,
} as const;

it(
  'decodes any bytes of drop records, each from its own bytes',
  () => {
    const pair = fc.uint8Array({ minLength: 2 * RECORD_BYTES, maxLength: 2 * RECORD_BYTES });
    fc.assert(
      fc.property(pair, fc.nat(255), ([...bytes], other) => {
        const records = new DropRecords(Uint8Array.from(bytes).buffer, 2, CONTEXT);
        const drops = [records.decode(0), records.decode(1)];
        for (const { source, destination, header, time } of drops) {
          expect(source).toMatch(MAC);
          expect(destination).toMatch(MAC);
          expect(header.length).toBeLessThanOrEqual(RECORD_BYTES - 80);
          expect(time.getTime()).not.toBeNaN();
        }
        // What is in the second one is nothing to the first.
        const changed = Uint8Array.from(bytes).fill(other, RECORD_BYTES);
        const first = new DropRecords(changed.buffer, 2, CONTEXT).decode(0);
        expect({ ...first, time: 0 }).toEqual({ ...drops[0], time: 0 });
      }),
      effort(200, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

it(
  'decodes any bytes of talker records',
  () => {
    const pair = fc.uint8Array({ minLength: 2 * 88, maxLength: 2 * 88 });
    fc.assert(
      fc.property(pair, (bytes) => {
        for (const talker of decodeTalkers(bytes.slice().buffer, CONTEXT)) {
          const { source, destination } = talker.identify();
          expect([source, destination]).toEqual([
            expect.stringMatching(MAC),
            expect.stringMatching(MAC),
          ]);
          for (const number of [talker.count, talker.missing]) {
            expect(number).toBeGreaterThanOrEqual(0);
          }
          expect(new Date(talker.first).getTime()).not.toBeNaN();
        }
      }),
      effort(200, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

const LINES = [
  '{"e":"drop","n":1,"t":5000000000,"cpu":1,"if":"6c6f00","ifindex":1,"netns":4026531840,"src":"5e005300","dst":"0","proto":17185,"tag":2164260963,"len":60,"nohandler":0,"after":18446744073709551615,"header":"00000000000000005e0053004321"}',
  '{"e":"total","if":"6c6f","ifindex":1,"netns":2,"src":"5e005300","dst":"ffffffffffffffff","proto":17185,"tag":0,"nohandler":1,"count":12}',
  '{"e":"total","if":"6c6f","ifindex":1,"netns":2,"nohandler":1,"count":12}',
  '{"e":"tick","t":5000000000,"seen":7,"told":3}',
  '{"e":"end","t":6000000000,"seen":7,"told":3}',
].map((line) => Buffer.from(line));

it(
  'reads any line of the script, and carries it on',
  () => {
    const lines = fc.array(hostileBytes(LINES), { maxLength: 4 });
    fc.assert(
      fc.property(lines, (list) => {
        let lost = 0;
        let delivered = 0;
        const feed = new ScriptFeed({
          batch: (batch) => {
            for (const { source, destination, timestampNs, counter } of batch) {
              expect(source).toMatch(MAC);
              expect(destination).toMatch(MAC);
              expect(timestampNs).toBeGreaterThanOrEqual(0n);
              expect(counter?.after).toBeGreaterThanOrEqual(0n);
            }
            delivered += batch.length;
          },
          totals: ({ count }) => {
            expect(count).toBeGreaterThan(0);
            expect(Number.isSafeInteger(count)).toBe(true);
          },
          lost: ({ count }) => {
            lost += count;
          },
          talkers: () => {},
          failed: () => {},
        });
        for (const line of list) {
          const message = parseScriptLine(Buffer.from(line).toString());
          if (message !== undefined) feed.take(message);
        }
        feed.abandon();
        expect(delivered).toBeLessThanOrEqual(list.length);
        expect(Number.isSafeInteger(lost)).toBe(true);
      }),
      effort(300, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

const TEXTS = [
  'WARNING: Number of errors: 0, skipped probes: 12\nWARNING: dropscope: seen 12, told 3, unpaired 1\n',
  'kernel.function("f@net/core/dev.c:1").label("l") $skb:struct sk_buff* $x:int\n',
  '00000001 00000002 00000003 0000 0 0 0 0 0 0 0 0 00000001\n',
  'print fmt: "x", __print_symbolic(REC->reason, { 1, "NOT_SPECIFIED" }, { 0x10000, "RX_DROP" })',
].map((line) => Buffer.from(line));

it(
  'reads any text of the tools and files around',
  () => {
    fc.assert(
      fc.property(hostileBytes(TEXTS), (bytes) => {
        const line = Buffer.from(bytes).toString('latin1');
        const { skipped, unpaired } = parseLastWords(line);
        expect(skipped).toBeGreaterThanOrEqual(0);
        expect(unpaired).toBeGreaterThanOrEqual(0);
        parseProbePoint(line);
        parseSoftnet(line);
        for (const { value } of reasonsInTraceFormat(line)) expect(value).not.toBeNaN();
      }),
      effort(300, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

const KALLSYMS = Buffer.from(
  'ffffffff81000000 T _stext\nffffffff81eb7200 t __netif_receive_skb_core.constprop.0\n' +
    'ffffffffc0001000 t veth_xmit\t[veth]\nffffffffc0002000 d data\t[veth]\n',
);

it(
  'reads any list of symbols, cut anywhere',
  () => {
    fc.assert(
      fc.property(hostileBytes([KALLSYMS]), fc.nat(400), (bytes, at) => {
        const answers = theOutcome(
          parsedAlone(bytes, (text) => {
            const table = new SymbolTable();
            table.append(text.subarray(0, at));
            table.append(text.subarray(at));
            expect(table.size).toBeLessThanOrEqual(text.length);
            const addresses = [0, 1, table.addressOf(0x81eb7300, 0xffffffff), 2 ** 53];
            return addresses.map((address) => [table.nameAt(address), table.inImage(address)]);
          }),
        );
        for (const [name] of answers ?? []) {
          if (typeof name === 'string') expect(name.length).toBeLessThanOrEqual(bytes.length);
        }
      }),
      // Each table has room for a whole kernel.
      effort(40, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

it(
  'reads the enums of any BTF from within it, or throws a RangeError',
  () => {
    const base = btf([['skb_drop_reason', ['SKB_NOT_DROPPED_YET', 'SKB_DROP_REASON_NO_SOCKET']]]);
    const module = btf([['ovs_drop_reason', ['OVS_DROP_LAST_ACTION', '__OVS_DROP_MAX']]]);
    fc.assert(
      fc.property(hostileBytes([base]), hostileBytes([module]), (first, second) => {
        const reasons = theOutcome(
          parsedAlone(first, (bytes) => reasonsInBtf(bytes, [])),
          RangeError,
        );
        expect(reasons?.length ?? 0).toBeLessThanOrEqual(0xffff);
        theOutcome(
          parsedAlone(second, (bytes) => reasonsInBtf(base, [bytes])),
          RangeError,
        );
      }),
      effort(300, PART),
    );
    expect(reasonsInBtf(base, []).map(({ name }) => name)).toContain('NO_SOCKET');
    expect([...new Btf(base).enums('none')]).toEqual([]);
  },
  HOSTILE_TIMEOUT_MS,
);

/** BTF with these enums, whose members count from 0 on. */
function btf(enums: readonly (readonly [name: string, members: readonly string[]])[]): Buffer {
  let strings = '\0';
  const offsetOf = (name: string) => {
    const offset = strings.length;
    strings += `${name}\0`;
    return offset;
  };
  const types = enums.flatMap(([name, members]) => [
    ...[offsetOf(name), (6 << 24) | members.length, 4],
    ...members.flatMap((member, value) => [offsetOf(member), value]),
  ]);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header[2] = 1;
  [24, 0, 4 * types.length, 4 * types.length, strings.length].forEach((word, i) => {
    header.writeUInt32LE(word, 4 + 4 * i);
  });
  return Buffer.concat([header, ...types.map(uint32), Buffer.from(strings)]);
}

it(
  'takes any frame apart, or throws an ArgumentError',
  () => {
    const frames = ['02000000000b00005e0053004321', '02000000000b00005e005300810000634321aabb'];
    fc.assert(
      fc.property(hostileBytes(frames.map((hex) => Buffer.from(hex, 'hex'))), (frame) => {
        const decoded = theOutcome(
          parsedAlone(frame, (bytes) => ({ ...decodeFrame(bytes), payload: undefined })),
          ArgumentError,
        );
        if (decoded !== undefined) expect(decoded.source).toMatch(MAC);
      }),
      effort(300, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);

/** What a field of a frame may be, or anything else. */
const field = fc.oneof(
  fc.nat(0xffff),
  fc.double(),
  fc.boolean(),
  fc.constantFrom('02:00:00:00:00:01', '192.0.2.1', '2001:db8::1', 'eth0', '', null, undefined),
  fc.constantFrom(['syn'], [], {}),
  fc.uint8Array({ maxLength: 50 }),
  fc.anything(),
);
const NAMES = {
  arp: ['operation', 'senderMac', 'senderIp', 'targetMac', 'targetIp', 'hardwareLength'],
  ipv4: ['source', 'destination', 'protocol', 'ttl', 'flags', 'options', 'udp', 'tcp', 'payload'],
  ipv6: ['source', 'destination', 'nextHeader', 'hopLimit', 'icmp', 'payload', 'payloadLength'],
  llc: ['dsap', 'ssap', 'control', 'snap', 'length', 'payload'],
  lldp: ['chassisId', 'portId', 'ttl', 'tlvs', 'systemName', 'end'],
};
const content = fc
  .constantFrom(...Object.keys(NAMES))
  .chain((kind) =>
    fc
      .dictionary(fc.constantFrom(...(NAMES[kind as keyof typeof NAMES] ?? [])), field)
      .map((value) => ({ [kind]: value })),
  );

it(
  'encodes what can be a frame, within its room, and refuses all else with an ArgumentError',
  () => {
    const options = fc.dictionary(fc.constantFrom('vlan', 'etherType', 'pad', 'source'), field);
    const destination = fc.oneof(fc.constant('02:00:00:00:00:0b'), field);
    fc.assert(
      fc.property(content, options, destination, (inside, outside, to) => {
        const frame = { ...inside, ...outside, destination: to } as unknown as EthernetFrame;
        const room = new Uint8Array(300).fill(0xee);
        try {
          const length = encodeFrame(frame, room, 0, () => new Uint8Array(6));
          if (length > room.length) return;
          expect([...room.subarray(length)].every((byte) => byte === 0xee)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ArgumentError);
        }
      }),
      effort(1000, PART),
    );
  },
  HOSTILE_TIMEOUT_MS,
);
