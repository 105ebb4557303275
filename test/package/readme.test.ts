import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openInjector } from '../../lib/index.ts';
import { linkUp, vethPair } from '../support/namespace.ts';
import { finished, startNode } from '../support/run-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The README's examples, by the language that their fence names. */
const examples = [
  ...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^```(js|ts)\n(.*?)^```/gms),
].map(([, language = '', text = ''], index) => ({
  file: `example-${index + 1}.${language === 'ts' ? 'mts' : 'mjs'}`,
  text,
  endless: /drops\.on\(|AbortSignal\.timeout\(/.test(text),
}));

let project: string;

beforeAll(() => {
  linkUp('lo');
  vethPair('eth0', 'peer');
  linkUp('eth0');
  linkUp('peer');
  project = realpathSync(mkdtempSync(join(tmpdir(), 'dropscope-readme-')));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules/dropscope'));
  for (const { file, text } of examples) writeFileSync(join(project, file), text);
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        module: 'nodenext',
        strict: true,
        allowJs: true,
        checkJs: true,
        useUnknownInCatchVariables: false,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
        outDir: 'out',
      },
      include: ['*.mts', '*.mjs'],
    }),
  );
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('compiles every example', () => {
  expect(examples.length).toBeGreaterThan(5);
  execFileSync('node', [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
    cwd: project,
    encoding: 'utf8',
    stdio: 'pipe',
  });
});

it.each(examples.filter(({ file }) => file.endsWith('.mjs')))(
  'runs $file as it stands',
  async ({ file, endless }) => {
    const child = startNode([file], { cwd: project });
    const done = finished(child);
    // Examples that watch eth0 need something to see; those that run for ever are stopped.
    using injector = openInjector('peer');
    const frame = { destination: 'ff:ff:ff:ff:ff:ff', etherType: 0x88b5 };
    const sending = setInterval(() => injector.send(frame), 20);
    if (endless) {
      await Promise.race([once(child.stdout, 'data'), done]);
      child.kill('SIGTERM');
    }
    const { code, signal, stdout, stderr } = await done;
    clearInterval(sending);
    expect(stderr).toBe('');
    expect(code === 0 || signal === 'SIGTERM').toBe(true);
    expect(stdout).not.toBe('');
  },
);
