// Feeds hostile bytes to whatever parses, each parser for so many seconds:
//   npm run fuzz                          all of them, a minute each
//   npm run fuzz -- --seconds 600 link_table hostile-bytes
// C++: native/test/fuzz/*.cc by libFuzzer under ASan and UBSan, beginning with native/test/fuzz/corpus/.
// What it finds new is kept in build-fuzz/corpus/ for the next run; --keep puts the inputs that reach
// more code than the corpus into it. TypeScript: test/unit/hostile-bytes.test.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ENV, ROOT, run } from './run.mjs';

const BUILD = 'build-fuzz';
const SOURCES = 'native/test/fuzz';
const PROPERTIES = 'hostile-bytes';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const targets = readdirSync(`${ROOT}${SOURCES}`)
  .filter((name) => name.endsWith('.cc'))
  .map((name) => name.slice(0, -'.cc'.length));
const chosen = positionals.length === 0 ? [...targets, PROPERTIES] : positionals;
const unknown = chosen.filter((name) => ![...targets, PROPERTIES].includes(name));
if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(', ')}. There are ${[...targets, PROPERTIES].join(', ')}.`,
  );
  process.exit(2);
}

const native = chosen.filter((name) => name !== PROPERTIES);
if (native.length > 0) {
  // Debian 12: libFuzzer is in a package that clang only recommends.
  run('sh', ['scripts/install-packages.sh', 'clang-14', 'libclang-rt-14-dev']);
  run('node', ['scripts/build-cmake.mjs', 'build', '--fuzz']);
}
const failed = chosen.filter((name) => !(name === PROPERTIES ? checkProperties() : fuzz(name)));
console.log(`${chosen.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Whether nothing was found. The input of a finding is in build-fuzz/. */
function fuzz(name) {
  const found = `${BUILD}/corpus/${name}`;
  const corpus = `${SOURCES}/corpus/${name}`;
  for (const folder of [found, corpus]) mkdirSync(`${ROOT}${folder}`, { recursive: true });
  const limits = [`-max_total_time=${values.seconds}`, '-timeout=60', '-malloc_limit_mb=64'];
  const options = [...limits, `-artifact_prefix=${BUILD}/${name}-`];
  const program = `${ROOT}${BUILD}/${name}`;
  const passed = report(`${SOURCES}/${name}.cc`, program, [...options, found, corpus]);
  if (passed && values.keep) run(program, ['-merge=1', corpus, found]);
  return passed;
}

function checkProperties() {
  const file = `test/unit/${PROPERTIES}.test.ts`;
  const env = { ...ENV, DROPSCOPE_FUZZ_SECONDS: values.seconds };
  return report(file, 'vitest', ['run', file], env);
}

function report(what, command, args, env = ENV) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    maxBuffer: 2 ** 28,
  });
  const passed = status === 0;
  console.log(`${passed ? 'passed' : 'failed'}  ${what}`);
  // libFuzzer prints a line for each input that it keeps: the last ones tell of the finding.
  const said = `${stdout}${stderr}`.split('\n').slice(-100).join('\n');
  if (!passed) console.log(`${error?.message ?? `It ended with ${signal ?? status}.`}\n${said}`);
  return passed;
}
