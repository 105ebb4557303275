/**
 * The kernels that tests run on, each with its own Debian release's SystemTap. `suites` are where
 * apt takes packages from: `archive` those of the archive, `security` those of the security archive.
 * `required` is false where a failure is told but is not ours: sid changes daily. `tests` are the files
 * of inside/ that run there. `compiles` is false where compiling there takes too long: the test
 * of that is left out, and the recipe is run as the module that stap made of it on this machine.
 */
const KERNELS = [
  // bullseye-security names a newer kernel, whose debug package no server has any longer.
  {
    name: '5.10',
    suite: 'bullseye',
    suites: { archive: ['bullseye'], security: [] },
    // What the oldest kernel is here for: another layout, another mend.
    tests: ['compiling.test.ts', 'drops.test.ts', 'guest.test.ts', 'probes.test.ts'],
  },
  {
    name: '6.1',
    suite: 'bookworm',
    suites: { archive: ['bookworm', 'bookworm-updates'], security: ['bookworm-security'] },
  },
  {
    name: '6.12',
    suite: 'trixie',
    suites: { archive: ['trixie', 'trixie-updates'], security: ['trixie-security'] },
  },
  {
    name: 'sid',
    suite: 'sid',
    suites: { archive: ['sid'], security: [] },
    required: false,
    // stap 5.6 reads debug information by several threads, and names variables in the order in which
    // they find them: it does not know a script again, and compiles for over five minutes, emulated.
    compiles: false,
  },
].map((kernel) => ({ required: true, compiles: true, ...kernel }));

/** The kernel of that name or of that Debian release. */
export function findKernel(name) {
  const found = KERNELS.find((kernel) => kernel.name === name || kernel.suite === name);
  if (found !== undefined) return found;
  const names = KERNELS.map((kernel) => kernel.name).join(', ');
  throw new Error(`There is no kernel "${name}" to test on. Kernels: ${names}.`);
}
