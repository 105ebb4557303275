import { isUint8Array } from 'node:util/types';
import { invalidArgument } from '../errors.ts';

/**
 * Refuses with an ArgumentError what is no Uint8Array (a Buffer is one), and one whose ArrayBuffer
 * was transferred: it looks empty. One over a SharedArrayBuffer counts as it is at that moment.
 */
export function checkBytes(bytes: Uint8Array, argument: string): void {
  if (!isUint8Array(bytes)) throw invalidArgument(argument, 'a Uint8Array', bytes);
  if (bytes.length > 0 || !isDetached(bytes.buffer)) return;
  const expected = 'a Uint8Array whose ArrayBuffer is still here';
  throw invalidArgument(argument, expected, bytes, 'It was transferred (it is detached).');
}

/** ArrayBuffer.prototype.detached, which Node 20 does not have. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
