import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { waitFor } from './wait-for.ts';

/**
 * Waits until the ArrayBuffers of this process have less than so many bytes. Node.js frees those that
 * nobody refers to on a thread of its own, some time after their garbage was collected.
 */
export async function buffersShrinkBelow(bytes: number): Promise<void> {
  // What `gc()` is where Node.js was started with --expose-gc.
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  await waitFor(`ArrayBuffers of less than ${bytes} bytes`, () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers < bytes;
  });
}
