import { execFile, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCES = fileURLToPath(new URL('peers/', import.meta.url));

/** The peers, and the libraries that each needs. */
const LIBRARIES = {
  send_loop: [],
  sendmmsg_loop: [],
  paced_loop: [],
  talkers_loop: [],
  stdout_clock: [],
  verifier_time: ['-lbpf'],
};

/** Compiles the peers in C into a folder. */
export function compilePeers(folder) {
  for (const [name, libraries] of Object.entries(LIBRARIES)) {
    const source = join(SOURCES, `${name}.c`);
    execFileSync('cc', ['-O2', '-Wall', '-o', join(folder, name), source, ...libraries], {
      stdio: 'inherit',
    });
  }
}

/**
 * The peers that were compiled into a folder. `run` and `runBlocking` run one to its end and give what
 * it reports of itself: `seconds` of wall clock and `cpuSeconds`.
 */
export function peersIn(folder) {
  const toItsEnd = promisify(execFile);
  return {
    /** Runs it while this process goes on. */
    async run(name, ...args) {
      const { stdout } = await toItsEnd(join(folder, name), args.map(String));
      return JSON.parse(stdout);
    },
    /** Starts it, and gives the process. */
    start(name, ...args) {
      return spawn(join(folder, name), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
    },
    /** Runs it while this process stands still. */
    runBlocking(name, ...args) {
      return JSON.parse(execFileSync(join(folder, name), args.map(String), { encoding: 'utf8' }));
    },
  };
}
