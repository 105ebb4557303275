import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ENV } from './run.mjs';

/**
 * The environment in which node-gyp and cmake-js find the headers of the running Node.js without a
 * network. Where they do not lie beside it, both tools fetch and cache them by themselves.
 */
export function withNodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  if (!existsSync(join(prefix, 'include/node/node_api.h'))) return ENV;
  return { ...ENV, npm_config_nodedir: prefix };
}
