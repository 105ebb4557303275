import { readFile } from 'node:fs/promises';

/**
 * The names of the functions of the running kernel and of its modules, without the suffixes that
 * compilers append, from the text of /proc/kallsyms. It has them also where it hides addresses.
 */
export class FunctionNames implements Iterable<string> {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Those of this kernel; undefined where they cannot be read, or there are none. */
  static async ofThisKernel(): Promise<FunctionNames | undefined> {
    try {
      const text = await readFile('/proc/kallsyms', 'latin1');
      return text === '' ? undefined : new FunctionNames(text);
    } catch {
      return undefined;
    }
  }

  /** Whether there is a function of this name. */
  has(name: string): boolean {
    return /^\w+$/.test(name) && lineOf(name).test(this.#text);
  }

  /** The names, some of them several times. */
  *[Symbol.iterator](): Iterator<string> {
    for (const [, name = ''] of this.#text.matchAll(new RegExp(lineOf('(\\w+)'), 'gm'))) yield name;
  }
}

/** nm(1) has T and t for functions, and W and w for weak ones. */
function lineOf(name: string): RegExp {
  return new RegExp(`^[0-9a-f]+ [tTwW] ${name}(?!\\w)`, 'm');
}
