import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Standard output, for a command that may be faster than its reader, or outlive it. */
export class Output {
  readonly #stream: Writable;
  readonly #failure = new AbortController();

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error) => this.#failure.abort(error));
    // A stream may be destroyed without an error. Behind an 'error' this does nothing.
    stream.on('close', () => this.#failure.abort(outputClosed()));
  }

  /** Aborted when nothing more can be written; its reason is the error: EPIPE, ENOSPC. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** True: the reader is behind, and what is written now waits in memory. */
  get full(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Resolves when the next text has room. After a failure the text is discarded. Never rejects. */
  async write(text: string): Promise<void> {
    if (this.failed.aborted || text === '' || this.#stream.write(text)) return;
    await once(this.#stream, 'drain', { signal: this.failed }).catch(() => {});
  }

  /** Resolves when all text has been handed on, or discarded. Never rejects. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
  }
}

/** The same to everybody as a reader that went away. */
function outputClosed(): NodeJS.ErrnoException {
  return Object.assign(new Error('The output was closed.'), { code: 'EPIPE' });
}
