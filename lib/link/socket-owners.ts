import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that has a socket open. */
export interface SocketOwner {
  readonly pid: number;
  /** Its name: comm of proc_pid_comm(5). */
  readonly name: string;
}

/** The processes that have sockets open, by the sockets' inodes, as far as this process may see. */
export function socketOwners(inodes: ReadonlySet<number>): Map<number, SocketOwner[]> {
  const owners = new Map<number, SocketOwner[]>();
  for (const pid of readdir('/proc').map(Number)) {
    if (!Number.isInteger(pid)) continue;
    const open = new Set(readdir(`/proc/${pid}/fd`).map((fd) => socketInode(pid, fd)));
    for (const inode of open) {
      if (inode === undefined || !inodes.has(inode)) continue;
      owners.set(inode, [...(owners.get(inode) ?? []), { pid, name: commOf(pid) }]);
    }
  }
  return owners;
}

/** The owners of a socket in a sentence; `shown`: how the name of a process is written. */
export function ownersText(
  owners: readonly SocketOwner[],
  shown: (name: string) => string,
): string {
  if (owners.length === 0) return 'a process that is hidden here';
  return owners.map(({ pid, name }) => `${shown(name)}, process ${pid}`).join('; ');
}

/** The entries of a folder; none where it went, or may not be looked into. */
function readdir(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function socketInode(pid: number, fd: string): number | undefined {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}

function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '';
  }
}
