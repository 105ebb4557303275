// run.mjs [KERNEL...]: runs test/vm/inside/ in a guest of each kernel, by default of 6.1, and tells
// what came of it.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { runInGuest, temporaryFolder } from './guest.mjs';
import { runInRoot } from './in-root.mjs';
import { findKernel } from './kernels.mjs';
import { prepare } from './prepare.mjs';

// The configuration is imported as it is: bundling it would write into the checkout.
const VITEST =
  'node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.mjs --configLoader native ' +
  '--reporter verbose --reporter json --outputFile /results/tests.json';

/** As the guest sees it. */
const MODULE = '/cache/dropscope_probe.ko';

const names = process.argv.length > 2 ? process.argv.slice(2) : ['6.1'];
const kernels = names.map(findKernel);
const results = temporaryFolder();

const runs = [];
for (const kernel of kernels) runs.push(await testOn(kernel));

console.log('\n| kernel | systemtap | result |\n|---|---|---|');
for (const { release, systemtapVersion, result } of runs) {
  console.log(`| ${release} | ${systemtapVersion} | ${result} |`);
}
const required = runs.filter(({ kernel }) => kernel.required);
const failed = sum(required.map((run) => run.failed));
console.log(`${sum(required.map((run) => run.passed))} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** A guest that could not be made, or whose tests did not come to their end, is one failed test. */
async function testOn(kernel) {
  let guest = { release: kernel.name, systemtapVersion: '' };
  try {
    guest = await prepare(kernel);
    console.log(`\nLinux ${guest.release}, SystemTap ${guest.systemtapVersion}`);
    await buildModules(guest);
    const { passed, failed } = await runTests(guest);
    return { ...guest, kernel, passed, failed, result: `${passed} passed, ${failed} failed` };
  } catch (error) {
    console.log(error.message);
    const [result] = error.message.split('\n');
    return { ...guest, kernel, passed: 0, failed: 1, result };
  }
}

/**
 * Fills SystemTap's cache, and builds a module as users do for another machine: in the guest's root
 * on this machine, which is some twenty times as fast. Where that fails a test in the guest tells.
 */
async function buildModules({ release, ...guest }) {
  const build = ['systemtap', 'build', '--release', release, '--output', MODULE];
  for (const command of [
    ['node', '/repo/test/vm/build-module.mjs', release],
    ['node', '/repo/dist/cli/main.js', ...build],
  ]) {
    const { code, stderr } = await runInRoot(guest, command);
    if (code !== 0) console.log(`The SystemTap probe's module does not compile.\n${stderr}`);
  }
}

async function runTests(guest) {
  const environment = [
    `GUEST_RELEASE='${guest.release}'`,
    `GUEST_SYSTEMTAP='${guest.systemtapVersion}'`,
    `GUEST_MODULE='${MODULE}'`,
  ].join(' ');
  const code = await runInGuest(guest, `${environment} ${VITEST}`, results);
  const report = `${results}/tests.json`;
  if (!existsSync(report))
    throw new Error(`The tests did not come to their end: exit code ${code}.`);
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(report);
  // A file that does not load has no failed tests.
  const failed = code === 0 ? numFailedTests : Math.max(numFailedTests, 1);
  return { passed: numPassedTests, failed };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
