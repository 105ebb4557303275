import { type FileHandle, open } from 'node:fs/promises';
import { captureDamaged, captureUnreadable } from '../errors.ts';
import { CaptureBlock } from './capture-block.ts';
import { CaptureDamage, type CaptureParser } from './capture-parser.ts';
import { pcapParser } from './pcap.ts';
import { pcapngParser } from './pcapng.ts';

/** A piece of a capture file, and the frames in it. */
export interface CapturePiece {
  readonly bytes: Uint8Array;
  readonly block: CaptureBlock;
}

/** What is read at once: longer than any record. */
const PIECE_BYTES = 1024 * 1024;

/** The least record of a frame: that of pcap. */
const LEAST_RECORD = 16;

/**
 * Reads a pcap or pcapng file, or a pipe, bit by bit: what it yields is valid until the next is asked for.
 * CaptureError when it cannot be read, when it is no such file, or where it is damaged: then all frames before
 * that place have been yielded.
 */
export async function* readCapture(path: string): AsyncGenerator<CapturePiece> {
  const file = await asked(path, () => open(path));
  try {
    yield* readPieces(path, file);
  } finally {
    await file.close();
  }
}

async function* readPieces(path: string, file: FileHandle): AsyncGenerator<CapturePiece> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const block = new CaptureBlock(PIECE_BYTES / LEAST_RECORD);
  let parser: CaptureParser | undefined;
  /** Where `buffer` begins in the file, and how much of it is filled. */
  let position = 0;
  let filled = 0;
  /** Bytes to pass over before it is filled again. */
  let skip = 0;
  for (;;) {
    const read = await asked(path, () => file.read(buffer, filled, PIECE_BYTES - filled));
    if (read.bytesRead === 0) break;
    filled += read.bytesRead;
    const passed = Math.min(skip, filled);
    skip -= passed;
    if (filled - passed < 4) {
      buffer.copyWithin(0, passed, filled);
      filled -= passed;
      position += passed;
      continue;
    }
    const bytes = buffer.subarray(passed, filled);
    parser ??= parserOf(bytes, path);
    block.clear();
    const { used, damage } = parse(parser, bytes, position + passed, block);
    if (block.count > 0) yield { bytes, block };
    if (damage !== undefined) throw captureDamaged(path, damage.offset, damage.message);
    const done = Math.min(passed + used, filled);
    skip = passed + used - done;
    buffer.copyWithin(0, done, filled);
    filled -= done;
    position += done;
  }
  if (parser === undefined)
    throw captureDamaged(path, 0, 'it is no capture file, for it is too short');
  if (filled > 0 || skip > 0) {
    throw captureDamaged(path, position, 'the file ends in the middle of a record');
  }
}

function parserOf(bytes: Buffer, path: string): CaptureParser {
  const magic = bytes.readUInt32BE(0);
  const parser = pcapParser(magic) ?? pcapngParser(magic);
  if (parser !== undefined) return parser;
  const zipped = bytes.readUInt16BE(0) === 0x1f8b ? ', but a gzip file: gunzip it first' : '';
  throw captureDamaged(path, 0, `it is no pcap or pcapng file${zipped}`);
}

function parse(
  parser: CaptureParser,
  bytes: Buffer,
  position: number,
  block: CaptureBlock,
): { used: number; damage?: CaptureDamage } {
  try {
    return { used: parser.parse(bytes, position, block) };
  } catch (damage) {
    if (damage instanceof CaptureDamage) return { used: 0, damage };
    throw damage;
  }
}

async function asked<T>(path: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw captureUnreadable(path, error);
  }
}
