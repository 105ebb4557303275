import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { pcapFile, type TimedFrame } from '../support/capture-file.ts';
import { linkUp, vethPair } from '../support/namespace.ts';
import { startNode } from '../support/run-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The README's examples, by the language that their fence names. */
const examples = [...README.matchAll(/^```(js|ts)\n(.*?)^```/gms)].map(
  ([, language = '', text = ''], index) => ({
    file: `example-${index + 1}.${language === 'ts' ? 'mts' : 'mjs'}`,
    text,
    ending: endingOf(text),
    prints: [...text.matchAll(/^ *\/\/ prints: (.*)$/gm)].map(([, line]) => line),
  }),
);

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
  const frames = [1n, 2n, 3n].map((timeNs): TimedFrame => ({ bytes: new Uint8Array(60), timeNs }));
  const capture = pcapFile(frames, { littleEndian: true, digits: 9 });
  writeFileSync(join(project, 'capture.pcap'), capture);
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
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'];
  const { status, stdout } = spawnSync(process.execPath, tsc, { cwd: project, encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
});

it.each(examples.filter(({ file }) => file.endsWith('.mjs')))(
  'runs $file as it stands',
  async ({ file, ending, prints }) => {
    const { child, finish } = startNode([file], { cwd: project });
    const done = finish();
    // Examples that watch eth0 need something to see; those that run for ever are stopped.
    using injector = openInjector('peer');
    const frame = { destination: 'ff:ff:ff:ff:ff:ff', etherType: 0x88b5 };
    const sending = setInterval(() => injector.send(frame), 20);
    try {
      if (ending !== 'its end') {
        await Promise.race([once(child.stdout, 'data'), done]);
        child.kill('SIGTERM');
      }
      const { code, signal, stdout, stderr } = await done;
      expect(stderr).toBe('');
      expect(ending === 'killed' ? signal : code).toBe(ending === 'killed' ? 'SIGTERM' : 0);
      expect(stdout).not.toBe('');
      // `peer` is there for this test only.
      const lines = stdout.replace(' peer,', '').split('\n');
      expect(lines).toEqual(expect.arrayContaining(prints));
    } finally {
      clearInterval(sending);
    }
  },
);

it('describes every event of --json', () => {
  const folder = join(ROOT, 'lib/cli');
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const events = sources.flatMap((text) => [...text.matchAll(/event: '(\w+)'/g)].map(([, e]) => e));
  const [, table = ''] = README.split('| `event` |');
  const described = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, event]) => event);
  expect(new Set(described)).toEqual(new Set(events));
});

it('compares what examples print', () => {
  expect(examples.flatMap(({ prints }) => prints).length).toBeGreaterThanOrEqual(4);
});

/** What ends an example: itself, SIGTERM, which it handles, or SIGTERM, of which it does not know. */
function endingOf(text: string): 'its end' | 'handled' | 'killed' {
  if (text.includes("'SIGTERM'")) return 'handled';
  return text.includes('AbortSignal.timeout(') ? 'killed' : 'its end';
}
