import { type FSWatcher, readlinkSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import {
  asked,
  askedFiles,
  DropscopeError,
  isRawSystemError,
  networkNamespaceGone,
  positiveErrno,
  shown,
  systemCallFailed,
} from '../errors.ts';
import { HeldNamespace } from '../link/held-namespace.ts';
import {
  askedInNamespace,
  type NetworkNamespaceRef,
  networkNamespacePath,
} from '../link/network-namespace.ts';
import { native, type ProcessMonitor } from '../native.ts';

const NAMESPACE = 'options.networkNamespace';

const LISTENING = 'listening for names of network namespaces that go';

/** Between two looks whether the name still leads there. */
const LOOK_MS = 1000;

/** The file of a process's network namespace. */
const OF_PROCESS = /^\/proc\/(\d+)\/(?:task\/\d+\/)?ns\/net$/;

/** A process that is watched for its end. */
interface WatchedProcess {
  readonly pid: number;
  readonly monitor: ProcessMonitor;
}

/**
 * The network namespace of a watch: one handle for all parts of the watch, and a notice when the process ends or
 * the name goes by which the network namespace was given. Keeps no process alive.
 */
export class WatchedNamespace {
  /** Called with the error that the watch ends with. */
  onFailure: (error: Error) => void = () => {};
  readonly held: HeldNamespace;
  readonly #process: WatchedProcess | undefined;
  /** The file by which it was given; undefined: it was given by a process, or it is this process's. */
  readonly #name: string | undefined;
  readonly #folder: FSWatcher | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  /** Undefined: the network namespace of this process. Throws as `HeldNamespace` does. */
  constructor(ref: NetworkNamespaceRef | undefined) {
    const path = networkNamespacePath(ref, NAMESPACE);
    const pid = path === undefined ? undefined : processOf(path);
    if (path !== undefined && !OF_PROCESS.test(path)) this.#name = path;
    // First, and check() at the end: so no other process can have got the number in between.
    if (pid !== undefined) this.#process = { pid, monitor: this.#openMonitor(pid) };
    try {
      this.held = new HeldNamespace(ref, NAMESPACE);
    } catch (error) {
      this.stop();
      throw error;
    }
    try {
      if (this.#name !== undefined) {
        this.#folder = this.#watchFolder(dirname(this.#name));
        // inotify(7) reports neither that something is mounted over the name nor that a parent folder is renamed.
        this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
      }
      this.check();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Throws what `onFailure` is called with, or was called with, if the process has ended or the name is gone. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#process?.monitor.read() === true) {
      throw networkNamespaceGone(`Process ${this.#process.pid} has ended`);
    }
    if (this.#name === undefined || this.held.isAt(this.#name)) return;
    throw networkNamespaceGone(`${shown(this.#name)} was removed or replaced`);
  }

  /** Gives no notice any more. May be called twice. */
  stop(): void {
    this.#process?.monitor.close();
    this.#folder?.close();
    clearInterval(this.#timer);
  }

  /** Closes the handle, too. May be called twice. */
  close(): void {
    this.stop();
    this.held.close();
  }

  #openMonitor(pid: number): ProcessMonitor {
    const { ProcessMonitor } = native();
    const open = () => new ProcessMonitor(() => this.#look(), pid);
    const monitor = askedInNamespace(pid, NAMESPACE, open);
    monitor.unref();
    return monitor;
  }

  /** inotify(7) tells of names that come and go there. */
  #watchFolder(path: string): FSWatcher {
    const open = () => watch(path, { persistent: false }, () => this.#look());
    const folder = asked(LISTENING, () => askedFiles(open));
    folder.on('error', (error) => this.#fail(explainListening(error)));
    return folder;
  }

  #look(): void {
    try {
      this.check();
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      this.#fail(error);
    }
  }

  /** The end of a process is reported in every turn of the event loop until its monitor is closed. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.stop();
    this.onFailure(this.#failure);
  }
}

/** What to throw when node:fs does not report names any more. */
function explainListening(error: Error): Error {
  if (!isRawSystemError(error)) return error;
  return systemCallFailed(positiveErrno(error), LISTENING);
}

/** The process whose network namespace a file is, also where the file is a symbolic link to that. */
function processOf(path: string): number | undefined {
  const [, pid] = OF_PROCESS.exec(path) ?? OF_PROCESS.exec(targetOf(path)) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** '' where the file is no symbolic link. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
