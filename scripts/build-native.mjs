// Builds build/Release/dropscope.node, what has changed of it.
import { withNodeHeaders } from './node-headers.mjs';
import { run } from './run.mjs';

run('node-gyp', ['--loglevel=warn', 'configure', 'build', '--jobs=max'], withNodeHeaders());
