// Control, format, private, unassigned and lone surrogate characters, and the separators of lines
// and paragraphs: whatever a terminal acts on, or hides, instead of showing it.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * A text from outside as a terminal can show it: `a\x1b[31m` for a name with an escape character.
 * An interface's name may hold any byte but '/', ':', NUL and white space.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`;
  });
}
