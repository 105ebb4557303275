// prepare.mjs KERNEL...: makes what guests boot from. Does nothing about those that are there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildRoot } from './build-root.mjs';
import { cacheFolder, HERE, layout, REPO } from './cache.mjs';
import { findKernel } from './kernels.mjs';

/** What these files say is in a guest: it is made anew when they change. */
const RECIPE = ['build-root.mjs', 'fill-root.sh', 'init', 'make-initrd.sh'];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    for (const name of process.argv.slice(2)) {
      const { folder, release, systemtapVersion } = await prepare(findKernel(name));
      console.log(`${folder}: Linux ${release}, SystemTap ${systemtapVersion}`);
    }
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** A kernel's guest, made if it is not there: where its parts are, its release and SystemTap. */
export async function prepare(kernel) {
  installPackages();
  const guest = layout(`${cacheFolder()}/${kernel.suite}`);
  const recipe = recipeOf(kernel);
  if (!existsSync(guest.recipe) || readFileSync(guest.recipe, 'utf8') !== recipe) {
    await make(kernel, guest, recipe);
  }
  return { ...guest, ...JSON.parse(readFileSync(guest.about, 'utf8')) };
}

/** Another process that makes the same guest meanwhile does no harm: the last one's stays. */
async function make(kernel, guest, recipe) {
  removeUnfinished(guest.folder);
  const unfinished = layout(`${guest.folder}.${process.pid}`);
  mkdirSync(unfinished.folder, { recursive: true });
  const log = `${guest.folder}.log`;
  console.error(`Preparing the guest of Linux ${kernel.name}: some minutes. Its log: ${log}`);
  try {
    await buildRoot(kernel, unfinished, log);
  } catch (error) {
    rmSync(unfinished.folder, { recursive: true });
    const lastWords = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
    throw new Error(`The guest of Linux ${kernel.name} could not be made.\n${lastWords}`, {
      cause: error,
    });
  }
  writeFileSync(unfinished.recipe, recipe);
  rmSync(guest.folder, { recursive: true, force: true });
  renameSync(unfinished.folder, guest.folder);
}

/** What processes that were killed left. */
function removeUnfinished(folder) {
  const prefix = `${folder.slice(folder.lastIndexOf('/') + 1)}.`;
  const parent = cacheFolder();
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (pid > 0 && !existsSync(`/proc/${pid}`)) rmSync(`${parent}/${name}`, { recursive: true });
  }
}

function recipeOf({ tests: _tests, compiles: _compiles, ...kernel }) {
  const hash = createHash('sha256').update(JSON.stringify(kernel));
  for (const file of RECIPE) hash.update(readFileSync(HERE + file));
  return hash.digest('hex');
}

/** virtiofsd is in Debian 12's qemu-system-common. */
function installPackages() {
  const script = `${REPO}scripts/install-packages.sh`;
  const packages = ['qemu-system-x86', 'debootstrap'];
  const { status } = spawnSync('sh', [script, ...packages], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${script} ${packages.join(' ')} failed.`);
}
