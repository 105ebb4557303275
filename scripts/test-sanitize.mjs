// Runs the native tests, and test/sanitize/*.mjs against the addon, with all of native/ built by
// AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer. Whatever they report is a failure.
// Then it fuzzes each C++ parser for two seconds.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { ROOT, run } from './run.mjs';

const BUILD = `${ROOT}build-sanitize`;
const TIME_LIMIT_MS = 60_000;

const counts = { passed: 0, failed: 0 };

run('node', ['scripts/build-cmake.mjs', 'build', '--sanitize']);
for (const name of namesIn(`${ROOT}native/test`, '_test.cc')) {
  report(`native/test/${name}_test.cc`, inNamespace([`${BUILD}/${name}_test`]));
}
for (const name of namesIn(`${ROOT}test/sanitize`, '.mjs')) {
  const script = `test/sanitize/${name}.mjs`;
  report(script, inNamespace(['env', ...preload(), 'node', '--expose-gc', script]));
}
const targets = namesIn(`${ROOT}native/test/fuzz`, '.cc');
run('node', ['scripts/fuzz.mjs', '--seconds', '2', ...targets]);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function namesIn(folder, ending) {
  const files = readdirSync(folder).filter((file) => file.endsWith(ending));
  return files.map((file) => file.slice(0, -ending.length)).sort();
}

/** A fresh network namespace for each, in which there is nothing but `lo`. */
function inNamespace(command) {
  const env = {
    ...process.env,
    ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    DROPSCOPE_ADDON: `${BUILD}/Release/dropscope.node`,
  };
  return spawnSync('unshare', ['--net', '--', ...command], {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
}

/** Node.js is not built with the sanitizer, so its runtime must be there before the addon. */
function preload() {
  const library = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  return [`LD_PRELOAD=${library.trim()}`];
}

/** A sanitizer ends its process with an exit code of its own, also after the last test passed. */
function report(name, { status, signal, error, stdout, stderr }) {
  const passed = status === 0;
  counts[passed ? 'passed' : 'failed'] += 1;
  console.log(`${passed ? 'passed' : 'failed'}  ${name}`);
  if (passed) return;
  console.log(`${error?.message ?? `It ended with ${signal ?? status}.`}\n${stdout}${stderr}`);
}
