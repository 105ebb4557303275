// npm run bench [-- --quick] [subject...]: measures what dropscope promises about its speed.
// Each subject runs in a process of its own in a fresh network namespace. Needs root, cc, iproute2.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureInGuest } from './guest.mjs';
import { printTable } from './harness.mjs';
import { compilePeers, peersIn } from './peers.mjs';

const SUBJECTS = [
  'compose',
  'injection',
  'flood',
  'replay',
  'link-stats',
  'arming',
  'latency',
  'drop-events',
  'batches',
  'probe-cost',
  'summary',
  'others',
];

/** Those that are not run with the others: they take long, or hold up everybody's links. */
const LONG = ['soak', 'slow-reader', 'rtnl'];

/** Not in a namespace of this machine. */
const IN_GUEST = 'guest';

const FULL = { rounds: 7, scale: 1 };
const QUICK = { rounds: 2, scale: 0.1 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Few and short rounds: shows that it works, not how fast. */
    quick: { type: 'boolean', default: false },
    /** How long slow-reader takes. */
    seconds: { type: 'string' },
    /** The `dist` folder of another build, for probe-cost. */
    against: { type: 'string' },
    /** The folder of the peers: this process is the one that measures. */
    peers: { type: 'string' },
  },
});

if (values.peers === undefined) await measureEach(positionals.length > 0 ? positionals : SUBJECTS);
else await measureHere(positionals[0], values.peers);

async function measureEach(subjects) {
  const cpu = cpus();
  console.log(`Linux ${release()}, Node ${process.version}, ${cpu.length} x ${cpu[0]?.model}`);
  console.log(`Medians of ${effort().rounds} interleaved rounds, where nothing else is said.`);
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-bench-'));
  try {
    compilePeers(folder);
    for (const subject of subjects) {
      warnOfOthers();
      if (subject === IN_GUEST) await measureInGuest(folder);
      else runInNamespace(subject, folder);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The tracepoint is the whole machine's: each watch, whatever its namespace, looks at every drop.
 * Frames that cost more for that make whoever sends them look better beside the loops in C.
 */
function warnOfOthers() {
  const { stdout } = spawnSync('bpftool', ['prog', 'show', 'name', 'on_kfree_skb'], {
    encoding: 'utf8',
  });
  const watches = stdout?.match(/^\d+: /gm)?.length ?? 0;
  if (watches > 0) console.log(`\nNot quiet. Other watches on this machine: ${watches}.`);
}

function runInNamespace(subject, folder) {
  const args = [fileURLToPath(import.meta.url), subject, '--peers', folder];
  if (values.quick) args.push('--quick');
  if (values.seconds !== undefined) args.push('--seconds', values.seconds);
  if (values.against !== undefined) args.push('--against', values.against);
  const { error, status } = spawnSync('unshare', ['--net', '--', process.execPath, ...args], {
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exitCode = 1;
}

async function measureHere(subject, folder) {
  const known = [...SUBJECTS, ...LONG];
  if (!known.includes(subject)) throw new Error(`Subjects: ${known.join(', ')}`);
  const { measure } = await import(`./${subject}.mjs`);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  printTable(
    await measure({ ...effort(), seconds, against: values.against, peers: peersIn(folder) }),
  );
}

function effort() {
  return values.quick ? QUICK : FULL;
}
