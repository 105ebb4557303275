import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EthernetFrame, injectFrame, openInjector } from '../../lib/index.ts';
import { startCapture } from '../support/capture.ts';
import { carrier } from '../support/links.ts';
import {
  ip,
  linkUp,
  moveLink,
  openNamespace,
  type PeerNamespace,
  vethPair,
} from '../support/namespace.ts';

const OWN = '020000000001';
const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const ADDRESSES = '02000000000b' + '02000000000a';

/** 0, 1, 2, ..., 255, 0, ... */
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i);
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

function shared(data: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(data.length));
  copy.set(data);
  return copy;
}

const BARE: EthernetFrame = { source: A, destination: B, etherType: 0x4321 };
const TAG = { id: 0x123, priority: 6, dei: true };

/** What is asked for, and what shall be on the wire. */
const CASES: [string, EthernetFrame | Uint8Array, string][] = [
  ['a header alone', BARE, `${ADDRESSES}4321${'00'.repeat(46)}`],
  ['a frame that is not padded', { ...BARE, pad: false }, `${ADDRESSES}4321`],
  [
    'a frame in upper case with hyphens',
    { ...BARE, source: '02-00-00-00-00-0A' },
    `${ADDRESSES}4321${'00'.repeat(46)}`,
  ],
  [
    'a frame without source',
    { destination: B, etherType: 0x4321 },
    `02000000000b${OWN}4321${'00'.repeat(46)}`,
  ],
  [
    'a short payload',
    { ...BARE, payload: bytes(5) },
    `${ADDRESSES}4321${hex(bytes(5))}${'00'.repeat(41)}`,
  ],
  ['the longest payload', { ...BARE, payload: bytes(1500) }, `${ADDRESSES}4321${hex(bytes(1500))}`],
  // After the longest one, the memory in which frames are written is dirty.
  ['a header alone after that', BARE, `${ADDRESSES}4321${'00'.repeat(46)}`],
  ['a tag', { ...BARE, vlan: TAG }, `${ADDRESSES}8100d1234321${'00'.repeat(46)}`],
  [
    'a tag and the longest payload',
    { ...BARE, vlan: TAG, payload: bytes(1500) },
    `${ADDRESSES}8100d1234321${hex(bytes(1500))}`,
  ],
  [
    'a service tag',
    { ...BARE, vlan: { id: 1, protocol: 0x88a8 } },
    `${ADDRESSES}88a800014321${'00'.repeat(46)}`,
  ],
  ['14 bytes', Buffer.from(`${ADDRESSES}4321`, 'hex'), `${ADDRESSES}4321`],
  [
    '1514 bytes',
    Buffer.from(`${ADDRESSES}4321${hex(bytes(1500))}`, 'hex'),
    `${ADDRESSES}4321${hex(bytes(1500))}`,
  ],
  [
    'bytes of an IEEE 802.3 frame',
    Buffer.from(`${ADDRESSES}002e424203`, 'hex'),
    `${ADDRESSES}002e424203`,
  ],
  [
    'bytes in the middle of a buffer',
    Buffer.from(`ffff${ADDRESSES}4321ffff`, 'hex').subarray(2, -2),
    `${ADDRESSES}4321`,
  ],
  [
    'bytes over a SharedArrayBuffer',
    shared(Buffer.from(`${ADDRESSES}432101`, 'hex')),
    `${ADDRESSES}432101`,
  ],
];
const FRAMES = CASES.map(([, frame]) => frame);
const EXPECTED = CASES.map(([name, , wire]) => [name, wire]);

let peer: PeerNamespace;

beforeAll(async () => {
  peer = await openNamespace();
  vethPair('veth-a', 'veth-b');
  ip('link', 'set', 'dev', 'veth-a', 'address', '02:00:00:00:00:01');
  moveLink('veth-b', peer);
  linkUp('veth-a');
  peer.ip('link', 'set', 'dev', 'veth-b', 'up');
  await carrier('veth-a');
});

afterAll(() => peer[Symbol.asyncDispose]());

/** Frames on the wire, byte for byte, with the names of what was asked for. */
async function wire(send: () => unknown): Promise<(string | undefined)[][]> {
  await using capture = await startCapture(peer, 'veth-b');
  await send();
  const captured = await capture.frames(CASES.length);
  return captured.map((frame, i) => [CASES[i]?.[0], frame.toString('hex')]);
}

it('puts on the wire exactly what injectFrame is given', async () => {
  const send = async () => {
    for (const frame of FRAMES) await injectFrame('veth-a', frame);
  };
  expect(await wire(send)).toEqual(EXPECTED);
});

it('puts on the wire exactly what send is given', async () => {
  using injector = openInjector('veth-a');
  const send = () => {
    for (const frame of FRAMES) injector.send(frame);
  };
  expect(await wire(send)).toEqual(EXPECTED);
});

it('puts on the wire exactly what sendAll is given', async () => {
  using injector = openInjector('veth-a');
  expect(await wire(() => injector.sendAll(FRAMES))).toEqual(EXPECTED);
});

it('keeps the order of frames over many windows, and of calls at once', async () => {
  using injector = openInjector('veth-a');
  const numbered = Array.from({ length: 3000 }, (_, i) => ({
    ...BARE,
    payload: Buffer.from([i >> 8, i & 0xff]),
  }));
  await using capture = await startCapture(peer, 'veth-b');
  const sent = await Promise.all([
    injector.sendAll(numbered.slice(0, 1000)),
    injector.sendAll(new Set(numbered.slice(1000, 1001))),
    injector.sendAll(numbered.slice(1001)),
  ]);
  expect(sent).toEqual([1000, 1, 1999]);
  const captured = await capture.frames(3000);
  expect(captured.map((frame) => frame.readUInt16BE(14))).toEqual(numbered.map((_, i) => i));
});
