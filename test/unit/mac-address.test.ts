import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatMacAddress,
  parseMacAddress,
  writeMacAddress,
} from '../../lib/ethernet/mac-address.ts';

const BYTES = [0x00, 0x00, 0x5e, 0x00, 0x53, 0xaf];

describe('parseMacAddress', () => {
  it.each(['00:00:5e:00:53:af', '00-00-5E-00-53-AF', '00:00:5E:00:53:aF'])('reads %s', (text) => {
    expect(parseMacAddress(text, 'source')).toEqual(Uint8Array.from(BYTES));
  });

  it.each([
    '',
    '00:00:5e:00:53',
    '00:00:5e:00:53:00:01',
    '0:0:5e:0:53:0',
    '00:00:5e:00:53:0',
    '00:00:5e:00:53:000',
    '00:00:5e-00:53:00',
    '00005e005300',
    '0000.5e00.5300',
    '00 00 5e 00 53 00',
    '00:00:5e:00:53:0g',
    ' 00:00:5e:00:53:00',
    '00:00:5e:00:53:00\n',
    '00:00:5e:00:53:0\u0660',
    null,
    undefined,
    0x5e005300,
    Uint8Array.from(BYTES),
    ['00:00:5e:00:53:00'],
  ])('refuses %j', (text) => {
    const refused = () => Reflect.apply(parseMacAddress, undefined, [text, 'frame.source']);
    expect(refused).toThrow(
      expect.objectContaining({
        name: 'ArgumentError',
        code: 'ERR_INVALID_ARGUMENT',
        argument: 'frame.source',
        message: expect.stringMatching(
          /^Expected a MAC address such as 00:00:5e:00:53:00 for frame\.source but received .+\.$/s,
        ),
      }),
    );
  });

  it('gives bytes that the caller may change', () => {
    parseMacAddress('02:00:00:00:00:01', 'source').fill(0xff);
    expect(formatMacAddress(parseMacAddress('02:00:00:00:00:01', 'source'))).toBe(
      '02:00:00:00:00:01',
    );
  });

  it('reads back every address that formatMacAddress writes, however many there were', () => {
    const address = fc.uint8Array({ minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(address, (bytes) => {
        expect(parseMacAddress(formatMacAddress(bytes), 'source')).toEqual(bytes);
      }),
      { numRuns: 5000 }, // More than are remembered.
    );
  });
});

it('writes an address at an offset and nowhere else', () => {
  const into = new Uint8Array(10).fill(0xee);
  writeMacAddress('00-00-5e-00-53-af', 'source', into, 3);
  expect(into).toEqual(Uint8Array.of(0xee, 0xee, 0xee, ...BYTES, 0xee));
});
