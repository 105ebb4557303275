import { composeFrame } from '../dist/index.js';
import { median, TARGET_HEADS, targetCells, unit } from './harness.mjs';

const PAYLOAD = new Uint8Array(18);
const SOURCE = '02:00:00:00:00:0a';
const DESTINATION = '02:00:00:00:00:0b';

/** Each from another port, with 18 bytes of payload; written out, for V8 is slow to copy objects. */
const KINDS = {
  'UDP in IPv4': (i) => ({
    source: SOURCE,
    destination: DESTINATION,
    ipv4: {
      source: '192.0.2.1',
      destination: '192.0.2.2',
      udp: { sourcePort: i & 0xffff, destinationPort: 9, payload: PAYLOAD },
    },
  }),
  'TCP in IPv6': (i) => ({
    source: SOURCE,
    destination: DESTINATION,
    ipv6: {
      source: '2001:db8::1',
      destination: '2001:db8::2',
      tcp: { sourcePort: i & 0xffff, destinationPort: 9, flags: ['ack'], payload: PAYLOAD },
    },
  }),
  ARP: (i) => ({
    source: SOURCE,
    destination: DESTINATION,
    arp: { senderMac: SOURCE, senderIp: '192.0.2.1', targetIp: `192.0.2.${i & 0xff}` },
  }),
};

/** How many frames a second JavaScript composes. */
export async function measure({ rounds, scale }) {
  const count = 500_000 * scale;
  const rates = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, frame] of Object.entries(KINDS)) {
      const rate = compose(frame, count);
      if (round > 0) rates[kind].push(rate);
    }
  }
  const format = unit('');
  const row = (kind, ...targets) => [
    kind,
    ...(targets.length > 0
      ? targetCells(median(rates[kind]), ...targets, format)
      : [format(median(rates[kind])), '', '', '']),
  ];
  return {
    title: `composeFrame(): frames a second, of ${count} a round`,
    heads: ['', ...TARGET_HEADS],
    rows: [row('UDP in IPv4', 500_000, 1_000_000), row('TCP in IPv6'), row('ARP')],
  };
}

function compose(frame, count) {
  const start = performance.now();
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += composeFrame(frame(i)).length;
  if (bytes < 60 * count) throw new Error('Frames are missing.');
  return count / ((performance.now() - start) / 1000);
}
