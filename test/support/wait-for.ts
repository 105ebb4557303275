import { setTimeout as delay } from 'node:timers/promises';

/** Only a failing test waits so long: a machine that has much else to do is slow, not wrong. */
const LIMIT_MS = 60_000;

/**
 * Asks until the answer is something else than undefined or false, and gives that answer. Throws
 * when a minute has brought none.
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUp = performance.now() + LIMIT_MS;
  while (performance.now() < giveUp) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await delay(1);
  }
  throw new Error(`Waited ${LIMIT_MS / 1000} s in vain for: ${what}.`);
}
