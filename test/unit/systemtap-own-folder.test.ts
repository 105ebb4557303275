import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownFolder } from '../../lib/probes/systemtap/own-folder.ts';

const NOBODY = 65_534;

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'dropscope-test-')));
});
afterEach(() => rmSync(root, { recursive: true }));

it('makes each level that is missing for this user alone', async () => {
  expect(await ownFolder(join(root, 'a/b'))).toBe(join(root, 'a/b'));
  for (const level of ['a', 'a/b']) expect(lstatSync(join(root, level)).mode & 0o777).toBe(0o700);
  expect(await ownFolder(join(root, 'a/b'))).toBe(join(root, 'a/b'));
});

it('may be asked for by many at once', async () => {
  const asked = Array.from({ length: 20 }, () => ownFolder(join(root, 'a/b/c')));
  expect(new Set(await Promise.all(asked))).toEqual(new Set([join(root, 'a/b/c')]));
});

it.each<[string, (parent: string) => void, string]>([
  ['a parent of another user', (parent) => lchownSync(parent, NOBODY, NOBODY), 'another user'],
  ['a parent that others can write', (parent) => chmodSync(parent, 0o777), 'others can write'],
  ['a parent that its group can write', (parent) => chmodSync(parent, 0o770), 'others can write'],
])('refuses %s', async (_, change, why) => {
  const parent = join(root, 'parent');
  mkdirSync(join(parent, 'folder'), { recursive: true });
  change(parent);
  await expect(ownFolder(join(parent, 'folder'))).rejects.toThrow(why);
});

it('takes a folder of its own below one like /tmp, but not that one', async () => {
  chmodSync(root, 0o1777);
  expect(await ownFolder(join(root, 'own'))).toBe(join(root, 'own'));
  await expect(ownFolder(root)).rejects.toThrow('others can write');
});

it('follows a link of root only, and checks where that leads', async () => {
  mkdirSync(join(root, 'real'));
  symlinkSync('real', join(root, 'link'));
  expect(await ownFolder(join(root, 'link/own'))).toBe(join(root, 'real/own'));
  chmodSync(join(root, 'real'), 0o777);
  await expect(ownFolder(join(root, 'link/own'))).rejects.toThrow(`write ${root}/real`);
  chmodSync(join(root, 'real'), 0o755);
  lchownSync(join(root, 'link'), NOBODY, NOBODY);
  await expect(ownFolder(join(root, 'link/own'))).rejects.toThrow(`${root}/link belongs`);
});

it('refuses a file, and links that lead in a circle', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(ownFolder(join(root, 'file'))).rejects.toThrow('is no folder');
  symlinkSync('circle', join(root, 'circle'));
  await expect(ownFolder(join(root, 'circle'))).rejects.toThrow('too many links');
});
