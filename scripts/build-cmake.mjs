// Builds a target of native/CMakeLists.txt, what has changed of it:
//   build-cmake.mjs configure             build-cmake/compile_commands.json, for clang-tidy and editors
//   build-cmake.mjs build [--sanitize]    addon and native tests, in build-cmake/ or build-sanitize/
//   build-cmake.mjs build --fuzz          fuzz targets, by clang, in build-fuzz/
import { withNodeHeaders } from './node-headers.mjs';
import { run } from './run.mjs';

const BUILDS = {
  '': { out: 'build-cmake', option: '--CDDROPSCOPE_SANITIZE=OFF' },
  '--sanitize': { out: 'build-sanitize', option: '--CDDROPSCOPE_SANITIZE=ON' },
  // The environment's compiler may be gcc, which has no libFuzzer.
  '--fuzz': {
    out: 'build-fuzz',
    option: '--CDDROPSCOPE_FUZZ=ON',
    env: { CC: 'clang-14', CXX: 'clang++-14' },
  },
};

const [command = 'build', flag = ''] = process.argv.slice(2);
const { out, option, env } = BUILDS[flag];
run('cmake-js', [command, '-l', 'warn', '-d', 'native', '-O', out, '-p', '2', option], {
  ...withNodeHeaders(),
  ...env,
});
