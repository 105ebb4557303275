/**
 * The sum of 16-bit words of which the Internet checksum is made (RFC 1071), not yet folded: add to it
 * what else belongs to it. An odd last byte counts as if a zero followed.
 */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  const even = end - ((end - start) & 1);
  for (let at = start; at < even; at += 2) sum += (at8(bytes, at) << 8) | at8(bytes, at + 1);
  return even === end ? sum : sum + (at8(bytes, even) << 8);
}

/** The checksum for a sum of words below 2^53. */
export function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

function at8(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
