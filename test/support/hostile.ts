import fc from 'fast-check';

/** Seconds that all properties of a file take together; undefined: a small number of runs each. */
const SECONDS = Number(process.env['DROPSCOPE_FUZZ_SECONDS'] ?? 0);

/**
 * How often a property is tried: so many times, always with the same values; by `npm run fuzz` for a
 * part of its time, with others each time.
 */
export function effort(numRuns: number, part: number): fc.Parameters<unknown> {
  if (SECONDS === 0) return { numRuns, seed: 1 };
  const interruptAfterTimeLimit = SECONDS * 1000 * part;
  return { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit };
}

/** How long a property may take, in milliseconds. */
export const HOSTILE_TIMEOUT_MS = (SECONDS + 60) * 1000;

/** A change to bytes. */
interface Change {
  readonly kind: keyof typeof WIDTHS | 'cut' | 'repeat';
  readonly at: number;
  readonly value: number;
}

const WIDTHS = { byte: 1, word: 2, long: 4 } as const;

/** Numbers on which a length or an index goes wrong. */
const edges = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0xffff),
  fc.constantFrom(0x7fffffff, 0x80000000, 0xfffffffc, 0xfffffffd, 0xffffffff),
  fc.nat(0xffff),
);

const changes = fc.array(
  fc.record<Change>({
    kind: fc.constantFrom('byte', 'word', 'long', 'cut', 'repeat'),
    at: fc.nat(0xffff),
    value: edges,
  }),
  { minLength: 1, maxLength: 6 },
);

/** Samples with some bytes changed, cut off or repeated, or any bytes at all. */
export function hostileBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changed = fc.tuple(fc.constantFrom(...samples), changes).map(([sample, list]) => {
    return list.reduce<Uint8Array>(applied, Buffer.from(sample));
  });
  return fc.oneof({ weight: 4, arbitrary: changed }, fc.uint8Array({ maxLength: 300 }));
}

function applied(given: Uint8Array, { kind, at, value }: Change): Uint8Array {
  const bytes = Buffer.from(given);
  const start = bytes.length === 0 ? 0 : at % bytes.length;
  if (kind === 'cut') return bytes.subarray(0, start);
  if (kind === 'repeat') return Buffer.concat([bytes, bytes.subarray(start, start + value)]);
  const width = WIDTHS[kind];
  if (start + width > bytes.length) return bytes;
  // What it is a length of may be in either byte order.
  const number = value % 2 ** (8 * width);
  if (at % 2 === 0) bytes.writeUIntLE(number, start, width);
  else bytes.writeUIntBE(number, start, width);
  return bytes;
}

/**
 * What a parser makes of bytes, or the error that it throws. The bytes lie within others: a parser
 * that reads beyond them answers otherwise when those are other ones.
 */
export function parsedAlone<T>(bytes: Uint8Array, parse: (bytes: Buffer) => T): Outcome<T>[] {
  return [0x00, 0x20, 0xff].map((around) => {
    const memory = Buffer.alloc(bytes.length + 2 * MARGIN, around);
    memory.set(bytes, MARGIN);
    try {
      return { value: parse(memory.subarray(MARGIN, MARGIN + bytes.length)) };
    } catch (error) {
      return { error };
    }
  });
}

/** What came of parsing. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** More than any header has; a multiple of 8, as a parser may want it. */
const MARGIN = 4096;
