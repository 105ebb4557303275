// run.mjs [KERNEL...]: runs test/vm/inside/ in guests of each kernel, and tells what came of it. By
// default that of 6.1, without the tests of compiling, endings, load, places and refusals: they
// take longest.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release as osRelease } from 'node:os';
import pLimit from 'p-limit';
import { HERE } from './cache.mjs';
import { runInGuest, temporaryFolder } from './guest.mjs';
import { runInRoot } from './in-root.mjs';
import { findKernel } from './kernels.mjs';
import { prepare } from './prepare.mjs';

// The configuration is imported as it is: bundling it would write into the checkout.
const VITEST =
  'node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.mjs --configLoader native ' +
  '--reporter verbose --reporter json --outputFile /results/tests.json';

/** Each keeps one CPU busy most of the time. */
const GUESTS_AT_ONCE = 2;

/** SystemTap reads it page by page, which takes twice as long where each comes from the host by itself. */
const READ_AHEAD = 'cat /usr/lib/debug/lib/modules/*/vmlinux >/dev/null';

/** Each list is run by a guest of its own. Its files share that, so they name their links differently. */
const ALL = [
  ['drops.test.ts', 'injection.test.ts', 'load.test.ts', 'probes.test.ts', 'refusals.test.ts'],
  ['compiling.test.ts', 'ending.test.ts', 'guest.test.ts', 'ledger.test.ts', 'places.test.ts'],
];
const DAILY = [
  ['drops.test.ts', 'injection.test.ts'],
  ['guest.test.ts', 'ledger.test.ts', 'probes.test.ts'],
];

const PROBES = ['ebpf', 'systemtap', 'drop-monitor', 'counters'];

/** As the guest sees it. */
const MODULE = '/cache/dropscope_probe.ko';

const isDaily = process.argv.length === 2;
const kernels = (isDaily ? ['6.1'] : process.argv.slice(2)).map(findKernel);
const FILES = isDaily ? DAILY : ALL;

const listed = ALL.flat();
for (const file of readdirSync(`${HERE}inside`)) {
  if (!file.endsWith('.test.ts') || listed.includes(file)) continue;
  throw new Error(`test/vm/run.mjs does not know in which guest inside/${file} is to run.`);
}

// Guests are made one behind the other, while those that are there are tested.
const inTurn = pLimit(1);
const atOnce = pLimit(GUESTS_AT_ONCE);
const runs = await Promise.all(kernels.map(testOn));

// What holds of every probe, test/contract/: on how many of its points.
const columns = ['kernel', 'its SystemTap', ...PROBES, 'all tests'];
console.log(`\n${row(columns)}${row(columns.map(() => '---'))}`.trimEnd());
for (const { release, systemtapVersion, tests, result } of [...thisMachine(), ...runs]) {
  console.log(row([release, systemtapVersion, ...PROBES.map(contract(tests)), result]).trimEnd());
}
const required = runs.filter(({ kernel }) => kernel.required);
const failed = sum(required.map((run) => run.failed));
console.log(`${sum(required.map((run) => run.passed))} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** A guest that could not be made, or whose tests did not come to their end, is one failed test. */
async function testOn(kernel) {
  let guest = { release: kernel.name, systemtapVersion: '', tests: [] };
  try {
    const recipe = await inTurn(async () => {
      guest = { ...guest, ...(await prepare(kernel)) };
      return buildModules(guest, kernel);
    });
    const files = kernel.tests === undefined ? FILES : [kernel.tests];
    const environment = [
      `GUEST_RELEASE='${guest.release}'`,
      `GUEST_SYSTEMTAP='${guest.systemtapVersion}'`,
      `GUEST_MODULE='${MODULE}'`,
      `GUEST_RECIPE='${recipe}'`,
      `GUEST_COMPILES='${kernel.compiles}'`,
    ].join(' ');
    const { passed, failed, tests } = await runTests(guest, environment, files);
    const result = `${passed} passed, ${failed} failed`;
    return { ...guest, kernel, passed, failed, tests, result };
  } catch (error) {
    console.log(error.message);
    const [result] = error.message.split('\n');
    return { ...guest, kernel, passed: 0, failed: 1, result };
  }
}

/**
 * Builds a module as users do for another machine, and fills SystemTap's cache where it will be looked
 * into: in the guest's root on this machine, which is some twenty times as fast. Where that fails a test
 * in the guest tells. Gives the command that runs the recipe's script, or the module that stap made of it.
 */
async function buildModules({ release, ...guest }, { compiles }) {
  const dropscope = (...args) => inGuestRoot(guest, ['node', '/repo/dist/cli/main.js', ...args]);
  if (compiles) await inGuestRoot(guest, ['node', '/repo/test/vm/build-module.mjs', release]);
  await dropscope('systemtap', 'build', '--release', release, '--output', MODULE);
  const recipe = await dropscope('recipe', '--release', release);
  writeFileSync(`${guest.cache}/recipe.stp`, recipe);
  const [, command] = /^# {3}(stap.*) recipe\.stp$/m.exec(recipe) ?? [];
  const compile = `${command} -p4 -r '${release}' /cache/recipe.stp`;
  const module = await inGuestRoot(guest, ['sh', '-c', compile]);
  return compiles ? `${command} /cache/recipe.stp` : `staprun ${module.trim()}`;
}

/** What a command prints. */
async function inGuestRoot(guest, command) {
  const { code, stdout, stderr } = await runInRoot(guest, command);
  if (code !== 0) console.log(`In ${guest.root}, on this machine: ${command.join(' ')}\n${stderr}`);
  return stdout;
}

/** Each group in a guest of its own. */
async function runTests(guest, environment, filesOfGuests) {
  const ends = await Promise.allSettled(
    filesOfGuests.map((files) => atOnce(() => runGuest(guest, environment, files))),
  );
  const guests = ends.map(({ reason, value }) => {
    if (value === undefined) throw reason;
    return value;
  });
  return {
    passed: sum(guests.map(({ passed }) => passed)),
    failed: sum(guests.map(({ failed }) => failed)),
    tests: guests.flatMap(({ tests }) => tests),
  };
}

async function runGuest(guest, environment, files) {
  const title = `Linux ${guest.release}, SystemTap ${guest.systemtapVersion}: ${files.join(' ')}`;
  console.log(`${title} ...`);
  const command = `${READ_AHEAD} & ${environment} ${VITEST} ${files.join(' ')}`;
  const results = temporaryFolder();
  const log = openSync(`${results}/output`, 'w');
  const code = await runInGuest(guest, command, results, log);
  closeSync(log);
  console.log(`\n${title}`);
  process.stdout.write(readFileSync(`${results}/output`));
  const report = readReport(`${results}/tests.json`);
  if (report === undefined) {
    throw new Error(`${title}: the tests did not come to their end, exit code ${code}.`);
  }
  const { numPassedTests: passed, numFailedTests, tests } = report;
  // A file that does not load has no failed tests.
  const failed = code === 0 ? numFailedTests : Math.max(numFailedTests, 1);
  return { passed, failed, tests };
}

/** What vitest reported as JSON, with all its tests in one list; undefined: it has not. */
function readReport(path) {
  if (!existsSync(path)) return undefined;
  const report = JSON.parse(readFileSync(path, 'utf8'));
  return { ...report, tests: report.testResults.flatMap((file) => file.assertionResults) };
}

/** Where `npm test` has tested on this machine, too. */
function thisMachine() {
  const report = readReport(`${HERE}../../build/test-results.json`);
  if (report === undefined) return [];
  const { tests, numPassedTests, numFailedTests } = report;
  const result = `${numPassedTests} passed, ${numFailedTests} failed`;
  return [{ release: osRelease(), systemtapVersion: '', tests, result }];
}

/** How many points of the contract a probe fulfils, of how many. */
function contract(tests) {
  return (probe) => {
    const points = tests.filter(({ ancestorTitles }) =>
      ancestorTitles.includes(`the ${probe} probe`),
    );
    const passed = points.filter(({ status }) => status === 'passed').length;
    return points.length === 0 ? '-' : `${passed} of ${points.length}`;
  };
}

function row(cells) {
  return `| ${cells.join(' | ')} |\n`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
