import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { linkUp } from '../support/namespace.ts';
import { runNode } from '../support/run-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const BODY = `
  const drops = await watchDrops({ interface: 'lo' });
  await injectFrame('lo', { destination: '00:00:00:00:00:00', etherType: 0x4321 });
  for await (const drop of drops) {
    console.log(drop.interface, drop.etherType, drop.reason);
    break;
  }
  await drops.close();
`;
const ESM = `import { injectFrame, watchDrops } from 'dropscope';\n${BODY}`;
const COMMONJS = `
const { injectFrame, watchDrops } = require('dropscope');
async function main() {${BODY}}
main();
`;
const TYPED = `
import { type DropEvent, type DropWatch, injectFrame, watchDrops } from 'dropscope';

function describe({ interface: name, etherType, reason }: DropEvent): string {
  return [name, etherType, reason ?? ''].join(' ');
}

const drops: DropWatch = await watchDrops({ interface: 'lo' });
// @ts-expect-error There is no such event.
drops.on('dorp', () => {});
await injectFrame('lo', { destination: '00:00:00:00:00:00', etherType: 0x4321 });
for await (const drop of drops) {
  const after: bigint | undefined = drop.counter?.after;
  if (after !== undefined) console.log(describe(drop));
  break;
}
await drops.close();
`;

/** npm's registry may be slow. */
const INSTALL_LIMIT_MS = 120_000;

let project: string;

beforeAll(() => {
  linkUp('lo');
  project = realpathSync(mkdtempSync(join(tmpdir(), 'dropscope-install-')));
  const [packed]: { filename: string; size: number; unpackedSize: number }[] = JSON.parse(
    run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], ROOT),
  );
  const tarball = join(project, packed?.filename ?? '');
  console.log(`The tarball: ${statSync(tarball).size} bytes, ${packed?.unpackedSize} unpacked.`);
  writeFileSync(join(project, 'package.json'), '{ "name": "service", "private": true }');
  // A folder with node and npm alone: there is no compiler, and no make.
  const bin = join(project, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync(run('sh', ['-c', 'readlink -f "$(command -v npm)"'], ROOT).trim(), join(bin, 'npm'));
  // npm's registry is not in this test's namespace.
  const outside = ['--net', '-t', String(process.ppid), '--', 'env', `PATH=${bin}`];
  const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball];
  run('nsenter', [...outside, ...install], project);
}, INSTALL_LIMIT_MS);

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('packs what its users need and nothing else', () => {
  const files = run('sh', ['-c', 'cd node_modules/dropscope && find . -type f | sort'], project)
    .trim()
    .split('\n');
  expect(files.filter((file) => !/^\.\/dist\/.*\.(js|d\.ts)$/.test(file))).toEqual([
    './LICENSE',
    './README.md',
    './dist/probes/systemtap/drops.stp',
    './package.json',
    `./prebuilds/linux-${process.arch}-glibc/dropscope.node`,
  ]);
});

it.each([
  ['an ESM service', 'service.mjs', ESM],
  ['a CommonJS service', 'service.cjs', COMMONJS],
])('works at once in %s', async (_, name, text) => {
  writeFileSync(join(project, name), text);
  expect(await runService(name)).toMatchObject({ code: 0, stdout: 'lo 17185 UNHANDLED_PROTO\n' });
});

it('works at once in a strict TypeScript service, whose misspelt event does not compile', async () => {
  writeFileSync(join(project, 'typed.mts'), TYPED);
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        module: 'nodenext',
        strict: true,
        exactOptionalPropertyTypes: true,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      files: ['typed.mts'],
    }),
  );
  run('node', [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], project);
  expect(await runService('typed.mjs')).toMatchObject({
    code: 0,
    stdout: 'lo 17185 UNHANDLED_PROTO\n',
  });
});

it('has no script that runs at installation', () => {
  const text = readFileSync(join(project, 'node_modules/dropscope/package.json'), 'utf8');
  const { scripts, gypfile } = JSON.parse(text);
  // npm runs node-gyp, too, where a package has a binding.gyp and does not say `gypfile: false`.
  expect(gypfile).toBe(false);
  for (const name of ['preinstall', 'install', 'postinstall'])
    expect(scripts).not.toHaveProperty(name);
});

it('brings a command that can be executed', () => {
  const help = run(join(project, 'node_modules/.bin/dropscope'), ['--help'], project);
  expect(help).toContain('Usage: dropscope');
});

function runService(name: string) {
  return runNode([name], { cwd: project, env: { PATH: join(project, 'bin') } });
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8' });
}
