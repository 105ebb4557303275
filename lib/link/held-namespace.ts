import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { asked, askedFiles } from '../errors.ts';
import type { LinkTable } from '../native.ts';
import {
  askedInNamespace,
  type NetworkNamespaceRef,
  networkNamespacePath,
  openLinks,
} from './network-namespace.ts';

/**
 * One network namespace, whatever becomes of the name or the process that it was found by. The network
 * namespace stays alive until this is closed.
 */
export class HeldNamespace {
  /** A file that leads there while this is open; undefined: the network namespace is this process's. */
  readonly path: string | undefined;
  /** Its inode number. A network namespace that ended leaves its number to a later one. */
  readonly netns: number;
  readonly links: LinkTable;
  #descriptor: number | undefined;

  /**
   * Throws ArgumentError where there is none, SystemCallError where the kernel refuses it: ERR_PERMISSION,
   * EMFILE.
   */
  constructor(ref: NetworkNamespaceRef | undefined, argument: string) {
    const file = networkNamespacePath(ref, argument);
    if (file === undefined) {
      this.links = openLinks(undefined, argument);
      this.netns = statSync('/proc/self/ns/net').ino;
      return;
    }
    this.#descriptor = askedInNamespace(ref, argument, () => openFile(file));
    this.path = `/proc/self/fd/${this.#descriptor}`;
    try {
      this.netns = fstatSync(this.#descriptor).ino;
      this.links = openLinks(ref, argument, this.path);
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** What no later network namespace has again. Before Linux 5.14 that is true only while this is open. */
  identity(): string {
    const cookie = asked('identifying a network namespace', () => this.links.namespaceCookie());
    return String(cookie ?? this.netns);
  }

  /** Whether a file leads there. */
  isAt(path: string): boolean {
    if (this.#descriptor === undefined) return false;
    const held = fstatSync(this.#descriptor);
    try {
      const found = statSync(path);
      return found.dev === held.dev && found.ino === held.ino;
    } catch {
      return false;
    }
  }

  /** May be called twice. */
  close(): void {
    this.links.close();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** O_NONBLOCK: the opening of a FIFO, which is no network namespace, would wait for its other end. */
function openFile(path: string): number {
  return askedFiles(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
}
