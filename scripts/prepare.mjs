// npm's `prepare`: what `npm pack` and an installation from the repository need. Builds all, and
// puts this platform's addon where lib/native.ts looks for it in an installed package.
import { existsSync, mkdirSync } from 'node:fs';
import { ROOT, run } from './run.mjs';

// `npm install --omit=dev` runs this too, and has nothing to build with.
if (!existsSync(`${ROOT}node_modules/.bin/node-gyp`)) process.exit(0);

const { glibcVersionRuntime } = process.report.getReport().header;
const libc = glibcVersionRuntime === undefined ? 'musl' : 'glibc';
const folder = `prebuilds/linux-${process.arch}-${libc}`;

run('npm', ['run', '--silent', 'build']);
mkdirSync(ROOT + folder, { recursive: true });
run('strip', ['--strip-debug', '-o', `${folder}/dropscope.node`, 'build/Release/dropscope.node']);
