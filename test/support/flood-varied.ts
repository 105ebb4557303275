import {
  composeFrame,
  type EngineName,
  type EthernetFrame,
  type FloodReport,
  type FrameInjector,
} from '../../lib/index.ts';
import { SENDER } from './frames.ts';
import type { PeerNamespace } from './namespace.ts';
import { hashArrived, hashOf } from './veth-injection.ts';

export const VARIED_COUNT = 1_000_000;

const FRAME: EthernetFrame = {
  source: SENDER,
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
  payload: new Uint8Array(46),
};

/** Sends so many frames of 60 bytes, each another one, to `b` in a namespace; gives the hash of what arrived. */
export async function floodVaried(
  injector: FrameInjector,
  peer: PeerNamespace,
  engine: EngineName,
): Promise<{ result: FloodReport; hash: string }> {
  return await hashArrived(peer, VARIED_COUNT, () =>
    injector.flood({
      frame: FRAME,
      count: VARIED_COUNT,
      engine,
      vary: [
        { field: 'source', from: '02:00:00:00:00:00', to: '02:00:00:00:ff:ff', step: 3 },
        { field: 'etherType', values: [0x4321, 0x4322, 0x88b5] },
        { field: { offset: 4, width: 4 }, random: 7 },
        { field: { offset: 40, width: 3 }, from: 1 },
      ],
    }),
  );
}

/** The hash of what `floodVaried` is to send. */
export function hashOfVaried(): string {
  return hashOf(expectedFrames());
}

function* expectedFrames(): Generator<Uint8Array> {
  const frame = Buffer.from(composeFrame(FRAME));
  const seed = splitMix64(7n);
  for (let number = 0; number < VARIED_COUNT; number++) {
    frame.writeUIntBE(0x020000000000 + 3 * (number % (Math.floor(0xffff / 3) + 1)), 6, 6);
    frame.writeUInt16BE([0x4321, 0x4322, 0x88b5][number % 3] ?? 0, 12);
    frame.writeUInt32BE(Number(splitMix64(seed + BigInt(number)) % 2n ** 32n), 18);
    frame.writeUIntBE(1 + (number % (2 ** 24 - 1)), 54, 3);
    yield frame;
  }
}

function splitMix64(number: bigint): bigint {
  let z = BigInt.asUintN(64, number * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}
