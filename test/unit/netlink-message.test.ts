import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  decodeMessages,
  encodeAttribute,
  encodeMessage,
  listAttributes,
  outcomeOf,
} from '../../lib/netlink/netlink-message.ts';

const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));
const uint16 = fc.integer({ min: 0, max: 0x3fff });

it('reads the messages that it writes', () => {
  const message = fc.record({
    type: uint16,
    flags: uint16,
    sequence: fc.integer({ min: 0, max: 0xffffffff }),
    payload: bytes.filter(({ length }) => length % 4 === 0),
  });
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      expect(decodeMessages(Buffer.concat(messages.map(encodeMessage)))).toEqual(messages);
    }),
  );
});

it('reads the attributes that it writes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(uint16, bytes)), (attributes) => {
      const encoded = attributes.map(([type, value]) => encodeAttribute(type, value));
      expect(listAttributes(Buffer.concat(encoded))).toEqual(attributes);
    }),
  );
});

it('trusts no length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const buffer = Buffer.from(noise);
      for (const { payload } of decodeMessages(buffer)) listAttributes(payload);
      listAttributes(buffer);
    }),
  );
});

it('knows how a request has ended', () => {
  const message = (type: number, payload: Buffer) => ({ type, flags: 0, sequence: 1, payload });
  const refused = Buffer.alloc(20);
  refused.writeInt32LE(-13);
  expect(outcomeOf(message(2, refused))).toBe(13);
  expect(outcomeOf(message(2, Buffer.alloc(20)))).toBe(0);
  expect(outcomeOf(message(3, Buffer.alloc(4)))).toBe(0);
  expect(outcomeOf(message(16, Buffer.alloc(4)))).toBeUndefined();
});
