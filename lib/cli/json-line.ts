/** What JSON can say, and integers of any size. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

// DEL, C1 controls, format characters (they turn the direction of text), and the separators of lines
// and paragraphs: JSON lets them stand as they are, and a terminal acts on them.
const UNPRINTABLE = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * One value as a line of JSON. A bigint becomes a JSON integer with all its digits; what a terminal
 * would act on is escaped.
 */
export function jsonLine(value: Json): string {
  const json = exactly(value);
  // Nearly every line is ASCII, and a flood of drops need not pay for more than this test.
  return `${/[^ -~]/.test(json) ? json.replace(UNPRINTABLE, escaped) : json}\n`;
}

// JSON.stringify throws at a bigint, and Node 20 has no JSON.rawJSON to help it.
function exactly(value: Json): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(exactly).join(',')}]`;
  // Appending is twice as fast as joining, and a flood of drops spends most of its time here.
  let members = '';
  for (const [key, member] of Object.entries(value)) {
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${exactly(member)}`;
  }
  return `{${members}}`;
}

/** As \uXXXX, twice for a character outside the Basic Multilingual Plane. RFC 8259, 7. */
function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
