import { readFileSync } from 'node:fs';

/** What a terminal would send for a key: termios(3), VINTR, VQUIT and VSUSP. */
const SIGNALS = new Map<string, NodeJS.Signals>([
  ['\x03', 'SIGINT'],
  ['\x1c', 'SIGQUIT'],
  ['\x1a', 'SIGTSTP'],
]);

/**
 * Hears keys at once, without the Enter key, and the terminal does not show them. Those that send a
 * signal still do. Disposing it gives the terminal back as it was.
 */
export class Keys implements Disposable {
  readonly #controller = new AbortController();
  #listening = false;

  /** Aborted when q was pressed. */
  get quit(): AbortSignal {
    return this.#controller.signal;
  }

  /** Does nothing where the input is no terminal, or that of a process in the foreground. */
  listen(): void {
    if (!process.stdin.isTTY || !isInForeground()) return;
    this.#listening = true;
    // Its keys do not keep the process alive, and a terminal that goes away sends SIGHUP.
    process.stdin.on('error', () => {}).on('data', this.#hear);
    process.stdin.setRawMode(true).unref();
  }

  [Symbol.dispose](): void {
    if (!this.#listening) return;
    this.#listening = false;
    process.stdin.off('data', this.#hear).setRawMode(false).pause();
  }

  readonly #hear = (bytes: Buffer): void => {
    for (const key of bytes.toString('latin1')) {
      const signal = SIGNALS.get(key);
      if (key === 'q' || key === 'Q') this.#controller.abort();
      else if (signal !== undefined) this.#send(signal);
    }
  };

  #send(signal: NodeJS.Signals): void {
    if (!this.#listening) return;
    // The signal may stop or end the process at once: the shell gets the terminal as it was.
    process.stdin.setRawMode(false);
    // The terminal stops all processes of its foreground group, and the shell waits for each of them: also
    // for npx, or for the script that started this process.
    process.kill(signal === 'SIGTSTP' ? 0 : process.pid, signal);
    // SIGTSTP stopped the process, and it goes on now: perhaps in the background.
    if (signal === 'SIGTSTP' && isInForeground()) process.stdin.setRawMode(true);
  }
}

/**
 * Whether the terminal belongs to this process's group: one in the background is stopped when it
 * changes the terminal. proc_pid_stat(5): pgrp is the fifth field, tpgid the eighth.
 */
function isInForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const [, , , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 1).split(' ');
  return group === foreground;
}
