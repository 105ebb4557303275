// Builds a target of native/CMakeLists.txt, what has changed of it:
//   build-cmake.mjs configure             build-cmake/compile_commands.json, for clang-tidy and editors
//   build-cmake.mjs build [--sanitize]    addon and native tests, in build-cmake/ or build-sanitize/
import { withNodeHeaders } from './node-headers.mjs';
import { run } from './run.mjs';

const [command = 'build', flag] = process.argv.slice(2);
const sanitize = flag === '--sanitize';
const out = sanitize ? 'build-sanitize' : 'build-cmake';
const option = `--CDDROPSCOPE_SANITIZE=${sanitize ? 'ON' : 'OFF'}`;
run(
  'cmake-js',
  [command, '-l', 'warn', '-d', 'native', '-O', out, '-p', '2', option],
  withNodeHeaders(),
);
