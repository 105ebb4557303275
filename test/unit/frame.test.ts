import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, type EthernetFrame, encodeFrame } from '../../lib/ethernet/frame.ts';
import type { FrameVlan } from '../../lib/ethernet/vlan.ts';

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 9);
const RECIPE = { destination: '00:00:00:00:00:00', etherType: 0x4321 };

/** The frame's bytes, written into a buffer that was used before. */
function encode(frame: EthernetFrame, ownAddress: () => Uint8Array = () => OWN): Buffer {
  const into = Buffer.alloc(4096, 0xee);
  const length = encodeFrame(frame, into, 100, ownAddress);
  expect(into.subarray(0, 100).every((byte) => byte === 0xee)).toBe(true);
  expect(into.subarray(100 + length).every((byte) => byte === 0xee)).toBe(true);
  return into.subarray(100, 100 + length);
}

/** What encodeFrame throws for a frame that the types do not allow. */
function refusal(frame: unknown): unknown {
  try {
    Reflect.apply(encodeFrame, undefined, [frame, Buffer.alloc(4096), 0, () => OWN]);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('encodeFrame', () => {
  it('writes destination, source, EtherType and payload, and zeros up to 60 bytes', () => {
    const bytes = encode({
      source: '00:00:5e:00:53:00',
      destination: 'ff-ff-ff-ff-ff-ff',
      etherType: 0x88b5, // IEEE 802, local experimental EtherType 1
      payload: Uint8Array.of(0xde, 0xad),
    });
    expect(bytes.toString('hex')).toBe(
      `ffffffffffff${'00005e005300'}88b5${'dead'}${'00'.repeat(44)}`,
    );
  });

  it('writes an 802.1Q tag before the EtherType, and zeros up to 64 bytes', () => {
    const vlan = { id: 0xabc, priority: 5, dei: true };
    const bytes = encode({ source: '00:00:5e:00:53:00', vlan, ...RECIPE });
    // IEEE 802.1Q, 9.6: PCP in bits 15 to 13, DEI in bit 12, VID in bits 11 to 0.
    expect(bytes.toString('hex')).toBe(
      `000000000000${'00005e005300'}8100babc${'4321'}${'00'.repeat(46)}`,
    );
  });

  it('writes an 802.1ad tag where it is asked for', () => {
    const bytes = encode({ vlan: { id: 1, protocol: 0x88a8 }, ...RECIPE });
    expect(bytes.toString('hex', 12, 18)).toBe('88a800014321');
  });

  it('takes the interface for the source where there is none, and does not ask it otherwise', () => {
    expect(encode(RECIPE).toString('hex', 6, 12)).toBe('020000000009');
    const asked = () => {
      throw new Error('asked');
    };
    expect(encode({ source: '00:00:5e:00:53:00', ...RECIPE }, asked)).toHaveLength(60);
  });

  it('does not pad with pad: false', () => {
    expect(encode({ pad: false, ...RECIPE })).toHaveLength(14);
    expect(encode({ pad: false, vlan: { id: 1 }, ...RECIPE })).toHaveLength(18);
    expect(encode({ pad: false, payload: Buffer.alloc(3), ...RECIPE })).toHaveLength(17);
  });

  it('writes nothing without room, and tells how much it needs', () => {
    const into = new Uint8Array(59).fill(0xee);
    expect(encodeFrame(RECIPE, into, 0, () => OWN)).toBe(60);
    expect(into.every((byte) => byte === 0xee)).toBe(true);
  });

  it('says where lengths are, and where a number is expected', () => {
    expect(refusal({ ...RECIPE, etherType: 46 })).toMatchObject({
      message:
        'Expected an EtherType from 0x0600 to 0xffff for frame.etherType but received 46. ' +
        'Values below 0x0600 are lengths in IEEE 802.3.',
    });
    expect(refusal({ ...RECIPE, etherType: '0x4321' })).toMatchObject({
      message:
        'Expected an EtherType from 0x0600 to 0xffff for frame.etherType but received "0x4321". ' +
        'Give it as a number, such as 0x0800.',
    });
  });

  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });

  it.each<[string, unknown]>([
    ['frame', undefined],
    ['frame', null],
    ['frame', 'ff:ff:ff:ff:ff:ff'],
    ['frame', [0, 1]],
    ['frame', new Uint16Array(30)],
    ['frame.etherType', {}],
    ...[0x05ff, 0x10000, -1, 1.5, Number.NaN, '0x4321', 0x4321n, null].map(
      (etherType): [string, unknown] => ['frame.etherType', { ...RECIPE, etherType }],
    ),
    ['frame.destination', { etherType: 0x4321 }],
    ['frame.destination', { ...RECIPE, destination: '00:00:00:00:00' }],
    ['frame.source', { ...RECIPE, source: null }],
    ['frame.source', { ...RECIPE, source: '' }],
    ['frame.payload', { ...RECIPE, payload: 'hello' }],
    ['frame.payload', { ...RECIPE, payload: null }],
    ['frame.payload', { ...RECIPE, payload: new ArrayBuffer(8) }],
    ['frame.payload', { ...RECIPE, payload: detached }],
    ['frame.pad', { ...RECIPE, pad: 'no' }],
    ['frame.vlan', { ...RECIPE, vlan: 5 }],
    ['frame.vlan', { ...RECIPE, vlan: null }],
    ...[-1, 4096, 1.5, '5', undefined].map((id): [string, unknown] => [
      'frame.vlan.id',
      { ...RECIPE, vlan: { id } },
    ]),
    ['frame.vlan.priority', { ...RECIPE, vlan: { id: 1, priority: 8 } }],
    ['frame.vlan.dei', { ...RECIPE, vlan: { id: 1, dei: 1 } }],
    ['frame.vlan.protocol', { ...RECIPE, vlan: { id: 1, protocol: 0x9100 } }],
  ])('refuses a bad %s: %o', (argument, frame) => {
    expect(refusal(frame)).toMatchObject({
      name: 'ArgumentError',
      code: 'ERR_INVALID_ARGUMENT',
      argument,
      message: expect.stringMatching(/^Expected .+ for frame.* but received .+\./),
    });
  });
});

describe('decodeFrame', () => {
  const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) =>
    Buffer.from(bytes)
      .toString('hex')
      .replace(/..(?!$)/g, '$&:'),
  );
  const vlan: fc.Arbitrary<Required<FrameVlan>> = fc.record({
    id: fc.integer({ min: 0, max: 4095 }),
    priority: fc.integer({ min: 0, max: 7 }),
    dei: fc.boolean(),
    protocol: fc.constantFrom(0x8100, 0x88a8),
  });
  const frame = fc.record(
    {
      source: mac,
      destination: mac,
      // A tag protocol as EtherType is how a second tag is sent: it is read as the first.
      etherType: fc
        .integer({ min: 0x0600, max: 0xffff })
        .filter((t) => t !== 0x8100 && t !== 0x88a8),
      payload: fc.uint8Array({ maxLength: 200 }),
      vlan,
    },
    { requiredKeys: ['source', 'destination', 'etherType', 'payload'] },
  );

  it('gives back what encodeFrame was given', () => {
    fc.assert(
      fc.property(frame, (given) => {
        expect(decodeFrame(encode({ ...given, pad: false }))).toEqual({
          ...given,
          payload: Buffer.from(given.payload),
        });
      }),
    );
  });

  it('gives the padding with the payload', () => {
    fc.assert(
      fc.property(frame, (given) => {
        const { payload, ...rest } = decodeFrame(encode(given));
        const padded = Buffer.alloc(Math.max(46, given.payload.length));
        padded.set(given.payload);
        expect({ ...rest, payload }).toEqual({ ...given, payload: padded });
      }),
    );
  });

  it('reads the outer of two tags', () => {
    const payload = Uint8Array.of(0x00, 0x05, 0x43, 0x21);
    const bytes = encode({
      ...RECIPE,
      etherType: 0x8100,
      vlan: { id: 7, protocol: 0x88a8 },
      payload,
    });
    expect(decodeFrame(bytes)).toMatchObject({
      vlan: { id: 7, protocol: 0x88a8 },
      etherType: 0x8100,
    });
  });

  it('takes a tag that was cut off for payload', () => {
    const bytes = encode({ ...RECIPE, etherType: 0x8100, payload: Buffer.of(0), pad: false });
    expect(decodeFrame(bytes)).toMatchObject({ etherType: 0x8100, payload: Buffer.of(0) });
  });

  it('refuses less than a header', () => {
    expect(() => decodeFrame(new Uint8Array(13))).toThrow(
      'Expected at least 14 bytes for frame but received Uint8Array of 13 bytes. The header alone has that many.',
    );
  });
});
