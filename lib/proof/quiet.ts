import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks. */
const LOOK_MS = 10;

/**
 * Waits until what `look` gives stays the same for `quietMs`, or for `timeoutMs` in all. Whether it did.
 * Rejects with the signal's reason.
 */
export async function untilQuiet(
  look: () => string,
  { quietMs, timeoutMs }: { readonly quietMs: number; readonly timeoutMs: number },
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const begin = performance.now();
  let since = begin;
  let last = '';
  while (performance.now() - begin < timeoutMs) {
    const now = look();
    if (now !== last) {
      last = now;
      since = performance.now();
    }
    if (performance.now() - since >= quietMs) return true;
    await sleep(LOOK_MS);
    signal?.throwIfAborted();
  }
  return false;
}
