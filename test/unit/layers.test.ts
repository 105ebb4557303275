import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What each part of lib/ may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  'kernel-version': [],
  native: ['errors'],
  kernel: ['errors'],
  netlink: ['native'],
  ethernet: ['errors'],
  drops: ['ethernet'],
  link: ['netlink', 'native', 'kernel-version', 'errors'],
  capture: ['native', 'errors'],
  injection: ['capture', 'link', 'kernel', 'kernel-version', 'ethernet', 'native', 'errors'],
  probes: ['drops', 'kernel', 'kernel-version', 'link', 'netlink', 'ethernet', 'native', 'errors'],
  watch: ['probes', 'drops', 'link', 'ethernet', 'native', 'errors'],
  proof: ['watch', 'drops', 'kernel', 'link', 'ethernet', 'errors'],
  vitest: ['index'],
  index: ['proof', 'watch', 'probes', 'injection', 'drops', 'link', 'ethernet', 'errors'],
  cli: ['index', 'watch', 'probes', 'injection', 'drops', 'link', 'ethernet', 'errors'],
};

it('lets imports in lib/ point one way only', () => {
  expect(files('lib', '.ts').flatMap(imports).length).toBeGreaterThan(100);
  const wrong = files('lib', '.ts').flatMap((file) =>
    imports(file)
      .map((imported) => ({ file, imported }))
      .filter(({ imported }) => part(imported) !== part(file))
      .filter(({ imported }) => !MAY_IMPORT[part(file)]?.includes(part(imported))),
  );
  expect(wrong).toEqual([]);
});

it('keeps N-API out of what knows the kernel, and system calls out of what knows JavaScript', () => {
  const kernel = files('native/kernel', '').filter((file) =>
    /napi\.h|node_api\.h|uv\.h/.test(text(file)),
  );
  const node = files('native/node', '').filter((file) =>
    /#include <(sys|linux|net|bpf|unistd|fcntl|poll|sched)\b/.test(text(file)),
  );
  expect([...kernel, ...node]).toEqual([]);
});

it('loads the addon in native.ts alone', () => {
  expect(files('lib', '.ts').filter((file) => text(file).includes('dropscope.node'))).toEqual([
    'lib/native.ts',
  ]);
});

/** `errors` for lib/errors.ts, `link` for all in lib/link/. */
function part(file: string): string {
  return relative('lib', file).replace(/\.ts$/, '').split('/')[0] ?? '';
}

function imports(file: string): string[] {
  const pattern = /(?:from|import|import\() ?'(\.[^']+)'/g;
  return [...text(file).matchAll(pattern)].map(([, path]) => join(dirname(file), path ?? ''));
}

function text(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

function files(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}
