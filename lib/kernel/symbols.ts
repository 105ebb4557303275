import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { SymbolTable } from './symbol-table.ts';

const KALLSYMS = '/proc/kallsyms';

/** The most that is parsed at once. Most kernels give one page at a time, whatever is asked for. */
const READ_BYTES = 64 << 10;

let shared: KernelSymbols | undefined;

/**
 * The names of the running kernel's functions, from /proc/kallsyms: some 5 MB of text that the
 * kernel takes 60 ms to write. `load()` reads it in the background; a name that is asked for before
 * that is done reads it at once.
 */
export class KernelSymbols {
  #table: SymbolTable | undefined;
  #loading: Promise<void> | undefined;
  /** The modules that were there when the table was read. */
  #modules = '';
  readonly #names = new Map<number, string | undefined>();

  /** The one table of this process: it takes some 7 MB once it is read. */
  static ofThisKernel(): KernelSymbols {
    shared ??= new KernelSymbols();
    return shared;
  }

  /**
   * True: the kernel shows this process no addresses (no CAP_SYSLOG, or kernel.kptr_restrict=2), so
   * there are no names. Reads only as far as the first function.
   */
  get hidden(): boolean {
    if (this.#table !== undefined) return this.#table.hidden;
    const table = new SymbolTable();
    readWhile(table, () => table.size === 0);
    return table.hidden;
  }

  /**
   * Reads the names in the background, a page at a time. Never rejects; calling twice is fine. Not in a
   * worker: Node.js may leave the file open that it waits for when it is terminated.
   */
  load(): Promise<void> {
    if (!isMainThread) return Promise.resolve();
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /**
   * The function at or nearest below an address, given as its lower and upper 32 bits, without the
   * suffixes that compilers append. Undefined where addresses are hidden, or below the first.
   */
  nameOf(low: number, high: number): string | undefined {
    let table = this.#table ?? this.#loadNow();
    if (table.hidden) return undefined;
    const address = table.addressOf(low, high);
    if (this.#names.has(address)) return this.#names.get(address);
    if (!table.inImage(address) && loadedModules() !== this.#modules) table = this.#loadNow();
    const name = table.nameAt(address);
    this.#names.set(address, name);
    return name;
  }

  async #load(): Promise<void> {
    const modules = loadedModules();
    const table = new SymbolTable();
    const piece = Buffer.allocUnsafeSlow(READ_BYTES);
    try {
      const file = await open(KALLSYMS);
      try {
        while (this.#table === undefined && !table.hidden) {
          const { bytesRead } = await file.read(piece, 0, READ_BYTES);
          if (bytesRead === 0) break;
          table.append(piece.subarray(0, bytesRead));
        }
      } finally {
        await file.close();
      }
    } catch {
      // A kernel without CONFIG_KALLSYMS has no such file, and no names.
    }
    if (this.#table === undefined) this.#keep(table, modules);
  }

  #loadNow(): SymbolTable {
    const modules = loadedModules();
    const table = new SymbolTable();
    try {
      // As text in one piece: nothing comes in between that would leave the file open.
      table.append(Buffer.from(readFileSync(KALLSYMS, 'utf8')));
    } catch {
      // As in #load.
    }
    return this.#keep(table, modules);
  }

  #keep(table: SymbolTable, modules: string): SymbolTable {
    this.#table = table;
    this.#modules = modules;
    this.#names.clear();
    return table;
  }
}

function readWhile(table: SymbolTable, more: () => boolean): void {
  let fd: number;
  try {
    fd = openSync(KALLSYMS, 'r');
  } catch {
    return; // As in #load.
  }
  try {
    const piece = Buffer.allocUnsafeSlow(READ_BYTES);
    while (more()) {
      const length = readSync(fd, piece);
      if (length === 0) return;
      table.append(piece.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}

/** The loaded modules and where they lie; '' on a kernel without modules. */
function loadedModules(): string {
  try {
    // proc_modules(5): name, size, references, users, state, address. References come and go.
    return readFileSync('/proc/modules', 'latin1').replace(/^(\S+) .* (0x\w+)/gm, '$1 $2');
  } catch {
    return '';
  }
}
