import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { SymbolTable } from './symbol-table.ts';

/** Where the kernel shows its symbols and its modules: proc_kallsyms(5), proc_modules(5). */
export interface SymbolFiles {
  readonly kallsyms: string;
  readonly modules: string;
}

const KERNEL_FILES: SymbolFiles = { kallsyms: '/proc/kallsyms', modules: '/proc/modules' };

/** The most that is parsed at once. Most kernels give one page at a time, whatever is asked for. */
const READ_BYTES = 64 << 10;

/**
 * How often the list of modules is read again for addresses whose names are known, and how often
 * symbols are read again that could not be read.
 */
const LOOK_EVERY_MS = 100;

let shared: KernelSymbols | undefined;

/**
 * The names of the running kernel's functions, from /proc/kallsyms: some 5 MB of text that the
 * kernel takes 60 ms to write. `load()` reads it in the background; a name that is asked for before
 * that is done reads it at once. The names of modules' functions are read again when modules have
 * come, gone or moved.
 */
export class KernelSymbols {
  readonly #files: SymbolFiles;
  #table: SymbolTable | undefined;
  #loading: Promise<void> | undefined;
  /** The modules that were there when the table was read. */
  #modules = '';
  /** When the list of modules or the symbols were read last: performance.now(). */
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #names = new Map<number, string | undefined>();

  constructor(files: SymbolFiles = KERNEL_FILES) {
    this.#files = files;
  }

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
    readWhile(this.#files.kallsyms, table, () => table.size === 0);
    return table.hidden;
  }

  /**
   * Reads the names in the background, a page at a time. Never rejects; calling twice is fine. Not in a
   * worker: Node.js may leave the file open that it waits for when it is terminated.
   */
  load(): Promise<void> {
    if (!isMainThread) return Promise.resolve();
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /**
   * The function at or nearest below an address, given as its lower and upper 32 bits, without the
   * suffixes that compilers append. Undefined where addresses are hidden, in a module that is gone,
   * and while the symbols cannot be read.
   */
  nameOf(low: number, high: number): string | undefined {
    if (this.#table === undefined && this.#isTimeToLook()) this.#loadNow();
    const table = this.#table;
    if (table === undefined || table.hidden) return undefined;
    const address = table.addressOf(low, high);
    if (!table.inImage(address)) this.#followModules(address);
    if (this.#names.has(address)) return this.#names.get(address);
    const name = this.#isLoaded(address) ? this.#table?.nameAt(address) : undefined;
    this.#names.set(address, name);
    return name;
  }

  /** False: the address lies behind all that the nearest module has. What was there is gone. */
  #isLoaded(address: number): boolean {
    const table = this.#table;
    if (table === undefined) return false;
    if (table.inImage(address)) return true;
    const module = table.moduleAt(address);
    if (module === '') return false;
    const line = this.#modules.split('\n').find((one) => one.startsWith(`${module} `));
    // BPF programs and trampolines are in the list of symbols only.
    if (line === undefined) return true;
    const [, bytes = '', start = ''] = line.split(' ');
    const [, high, low] = /^0x(\w*)(\w{8})$/.exec(start) ?? [];
    return address < table.addressOf(Number(`0x${low}`), Number(`0x0${high}`)) + Number(bytes);
  }

  /** Reads the symbols again if modules have changed: at once for an address that is new here. */
  #followModules(address: number): void {
    if (this.#names.has(address) && !this.#isTimeToLook()) return;
    this.#lookedAt = performance.now();
    if (this.#loadedModules() !== this.#modules) this.#loadNow();
  }

  #isTimeToLook(): boolean {
    return performance.now() - this.#lookedAt >= LOOK_EVERY_MS;
  }

  async #load(): Promise<void> {
    if (this.#table !== undefined) return;
    const modules = this.#loadedModules();
    const table = new SymbolTable();
    const piece = Buffer.allocUnsafeSlow(READ_BYTES);
    try {
      const file = await open(this.#files.kallsyms);
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
      // As in #loadNow.
      return;
    }
    if (this.#table === undefined) this.#keep(table, modules);
  }

  #loadNow(): void {
    this.#lookedAt = performance.now();
    const modules = this.#loadedModules();
    const table = new SymbolTable();
    try {
      // As text in one piece: nothing comes in between that would leave the file open.
      table.append(Buffer.from(readFileSync(this.#files.kallsyms, 'utf8')));
    } catch {
      // A kernel without CONFIG_KALLSYMS has no such file, and no names. A process without a free
      // descriptor (EMFILE) may have one later.
      return;
    }
    this.#keep(table, modules);
  }

  #keep(table: SymbolTable, modules: string): void {
    this.#table = table;
    this.#modules = modules;
    this.#names.clear();
  }

  /** The loaded modules, how long they are and where they lie; '' on a kernel without modules. */
  #loadedModules(): string {
    try {
      // proc_modules(5): name, size, references, users, state, address. References come and go.
      const text = readFileSync(this.#files.modules, 'latin1');
      return text.replace(/^(\S+ \d+) .* (0x\w+)/gm, '$1 $2');
    } catch {
      return '';
    }
  }
}

function readWhile(path: string, table: SymbolTable, more: () => boolean): void {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return; // As in #loadNow.
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
