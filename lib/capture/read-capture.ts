import { closeSync, constants, createReadStream, fstatSync, openSync, read } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { CaptureError, captureDamaged, captureUnreadable } from '../errors.ts';
import { native } from '../native.ts';
import { CaptureBlock } from './capture-block.ts';
import { CaptureDamage, type CaptureParser } from './capture-parser.ts';
import { pcapParser } from './pcap.ts';
import { pcapngParser } from './pcapng.ts';

/** A piece of a capture file, and the frames in it. */
export interface CapturePiece {
  readonly bytes: Uint8Array;
  readonly block: CaptureBlock;
}

/** This process's descriptor 0. Opened by its name, a socket is refused, and a file begins anew. */
export const STANDARD_INPUT = '/dev/stdin';

/** Room for what was read and not parsed: more than any record has. */
const ROOM_BYTES = 1024 * 1024;

/** What is read at once. */
const CHUNK_BYTES = 256 * 1024;

/** The least record of a frame: that of pcap. */
const LEAST_RECORD = 16;

/**
 * Reads a pcap or pcapng file, or a pipe, bit by bit: what it yields is valid until the next is asked for.
 * CaptureError when it cannot be read, when it is no such file, or where it is damaged: then all frames before
 * that place have been yielded. Aborted, it ends.
 */
export async function* readCapture(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<CapturePiece> {
  const stream = openStream(path);
  const abort = () => stream.destroy();
  signal.addEventListener('abort', abort);
  try {
    if (!signal.aborted) yield* readPieces(path, stream);
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof CaptureError ? error : captureUnreadable(path, error);
  } finally {
    signal.removeEventListener('abort', abort);
    // To leave its loop counts as an error of the stream, too.
    stream.on('error', () => {}).destroy();
    if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  }
}

/**
 * A pipe may have nothing to read for a long time, or nobody yet who writes to it: to wait for that must not keep a
 * thread of Node.js busy. Opens and closes at once, not in the background: a worker that is terminated meanwhile would
 * leave the file open.
 */
function openStream(path: string): Readable {
  let fd: number | undefined;
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    fd = path === STANDARD_INPUT ? 0 : openSync(path, flags);
    const stats = fstatSync(fd);
    if (stats.isFIFO() || stats.isSocket()) {
      const own = native().duplicateDescriptor(fd);
      close(fd);
      fd = own;
      return new Socket({ fd, readable: true, writable: false });
    }
    if (stats.isFile()) {
      return createReadStream(path, { fd, highWaterMark: CHUNK_BYTES, fs: { read, close } });
    }
    throw new Error('it is no file and no pipe');
  } catch (error) {
    if (fd !== undefined) close(fd);
    throw captureUnreadable(path, error);
  }
}

/** Standard input stays open. */
function close(fd: number, done?: () => void): void {
  if (fd !== 0) closeSync(fd);
  done?.();
}

async function* readPieces(path: string, stream: Readable): AsyncGenerator<CapturePiece> {
  const buffer = Buffer.allocUnsafeSlow(ROOM_BYTES);
  const block = new CaptureBlock(ROOM_BYTES / LEAST_RECORD);
  let parser: CaptureParser | undefined;
  /** Where `buffer` begins in the file, and how much of it is filled. */
  let position = 0;
  let filled = 0;
  /** Bytes to pass over before it is filled again. */
  let skip = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const passed = Math.min(skip, chunk.length);
    skip -= passed;
    position += passed;
    filled += chunk.copy(buffer, filled, passed);
    if (filled < MAGIC_BYTES) continue;
    parser ??= parserOf(buffer, path);
    block.clear();
    const bytes = buffer.subarray(0, filled);
    const { used, damage } = parse(parser, bytes, position, block);
    if (block.count > 0) yield { bytes, block };
    if (damage !== undefined) throw captureDamaged(path, damage.offset, damage.message);
    const done = Math.min(used, filled);
    skip = used - done;
    buffer.copyWithin(0, done, filled);
    filled -= done;
    position += done;
  }
  if (parser === undefined) {
    throw captureDamaged(path, 0, 'it is no capture file, for it is too short');
  }
  if (filled > 0 || skip > 0) {
    throw captureDamaged(path, position, 'the file ends in the middle of a record');
  }
}

/** Of what begins each file. */
const MAGIC_BYTES = 4;

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
