import { lstat, mkdir, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Write permission of the group and of others; inode(7). */
const OTHERS_WRITE = 0o022;
/** Names in such a folder can be changed by the owner of what they name only: /tmp. */
const STICKY = 0o1000;
/** path_resolution(7): the kernel follows no more links, either. */
const MOST_LINKS = 40;

/**
 * The real path of a folder that only root and this user can have made and can change, from the root of
 * the file system down; links count as what they are and as what they lead to. Levels that are missing
 * are made, for this user alone. Throws an Error that says which level is somebody else's.
 */
export async function ownFolder(path: string): Promise<string> {
  const folder = await checkedLevels(path, MOST_LINKS);
  const { mode } = await lstat(folder);
  // What lies in /tmp itself can be anybody's.
  if ((mode & OTHERS_WRITE) !== 0) throw new Error(`others can write ${folder}`);
  return folder;
}

async function checkedLevels(path: string, links: number): Promise<string> {
  let folder = '/';
  for (const name of path.split('/').filter((part) => part !== '')) {
    folder = await checkedLevel(join(folder, name), links);
  }
  return folder;
}

/** The real path of a level whose own folder was checked. */
async function checkedLevel(path: string, links: number): Promise<string> {
  const found = await made(path);
  if (found.uid !== 0 && found.uid !== process.geteuid?.()) {
    throw new Error(`${path} belongs to another user (${found.uid})`);
  }
  if (found.isSymbolicLink()) {
    if (links === 0) throw new Error(`${path} is one of too many links`);
    return await checkedLevels(resolve(join(path, '..'), await readlink(path)), links - 1);
  }
  if (!found.isDirectory()) throw new Error(`${path} is no folder`);
  if ((found.mode & OTHERS_WRITE) !== 0 && (found.mode & STICKY) === 0) {
    throw new Error(`others can write ${path}`);
  }
  return path;
}

async function made(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    // Somebody was faster.
    if (!isCode(error, 'EEXIST')) throw error;
  });
  return await lstat(path);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
