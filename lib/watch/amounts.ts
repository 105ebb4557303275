/** The smaller of two amounts. */
export function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** The greater of two amounts. */
export function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** An amount; 0 in place of a negative one. */
export function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
