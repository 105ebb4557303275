/** The next `count` of what comes, without leaving the loop. */
export async function take<T>(loop: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await loop.next();
    if (done === true) throw new Error(`The loop ended after ${taken.length} of ${count}.`);
    taken.push(value);
  }
  return taken;
}

/** Everything up to the end of the loop. */
export async function takeAll<T>(loop: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const value of loop) taken.push(value);
  return taken;
}
