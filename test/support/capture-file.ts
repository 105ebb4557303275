/** A frame, and when it was captured. */
export interface TimedFrame {
  readonly bytes: Uint8Array;
  readonly timeNs: bigint;
  /** How long it was before it was captured. Default: as it is. */
  readonly original?: number;
}

/** How a capture file is written. */
export interface FileStyle {
  readonly littleEndian: boolean;
  /** Digits of the seconds' fraction. */
  readonly digits: 6 | 9;
}

/** pcap-savefile(5) */
export function pcapFile(
  frames: readonly TimedFrame[],
  { littleEndian, digits }: FileStyle,
): Buffer {
  const write = writer(littleEndian);
  const magic = digits === 6 ? 0xa1b2c3d4 : 0xa1b23c4d;
  const header = write([32, magic], [16, 2], [16, 4], [32, 0], [32, 0], [32, 262_144], [32, 1]);
  const records = frames.map(({ bytes, timeNs, original = bytes.length }) => {
    const fraction = (timeNs % 1_000_000_000n) / 10n ** BigInt(9 - digits);
    const head = write(
      [32, Number(timeNs / 1_000_000_000n)],
      [32, Number(fraction)],
      [32, bytes.length],
      [32, original],
    );
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([header, ...records]);
}

/** The pcapng of its Internet draft, with one interface, and a block that no reader knows after each frame. */
export function pcapngFile(
  frames: readonly TimedFrame[],
  { littleEndian, digits }: FileStyle,
): Buffer {
  const write = writer(littleEndian);
  const block = (type: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    const padding = Buffer.alloc((4 - (body.length % 4)) % 4);
    const length = body.length + padding.length + 12;
    return Buffer.concat([write([32, type], [32, length]), body, padding, write([32, length])]);
  };
  const section = block(
    0x0a0d0d0a,
    write([32, 0x1a2b3c4d], [16, 1], [16, 0], [32, 0xffffffff], [32, 0xffffffff]),
  );
  const options = [write([16, 9], [16, 1]), Buffer.of(digits, 0, 0, 0), write([16, 0], [16, 0])];
  const description = block(1, write([16, 1], [16, 0], [32, 262_144]), ...options);
  const packets = frames.flatMap(({ bytes, timeNs, original = bytes.length }) => {
    const units = timeNs / 10n ** BigInt(9 - digits);
    const head = write(
      [32, 0],
      [32, Number(units >> 32n)],
      [32, Number(units & 0xffffffffn)],
      [32, bytes.length],
      [32, original],
    );
    return [block(6, head, Buffer.from(bytes)), block(0x0bad, Buffer.from(bytes))];
  });
  return Buffer.concat([section, description, ...packets]);
}

/** Where the header, and each record or block, of a file that was written here ends. */
export function recordEnds(file: Buffer): { end: number; isFrame: boolean }[] {
  const isPcapng = file.readUInt32BE(0) === 0x0a0d0d0a;
  const littleEndian = isPcapng ? file[8] === 0x4d : (file[0] ?? 0) !== 0xa1;
  const read = (at: number) => (littleEndian ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const ends = isPcapng ? [] : [{ end: 24, isFrame: false }];
  for (let at = ends[0]?.end ?? 0; at < file.length; at = ends.at(-1)?.end ?? file.length) {
    const length = isPcapng ? read(at + 4) : 16 + read(at + 8);
    ends.push({ end: at + length, isFrame: !isPcapng || read(at) === 6 });
  }
  return ends;
}

function writer(littleEndian: boolean): (...fields: [bits: 16 | 32, value: number][]) => Buffer {
  return (...fields) =>
    Buffer.concat(
      fields.map(([bits, value]) => {
        const bytes = Buffer.alloc(bits / 8);
        if (littleEndian) bytes.writeUIntLE(value, 0, bits / 8);
        else bytes.writeUIntBE(value, 0, bits / 8);
        return bytes;
      }),
    );
}
