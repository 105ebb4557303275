import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import {
  injectFrame,
  type LedgerRow,
  type NetworkNamespaceRef,
  readLinkStats,
  watchDrops,
} from '../../lib/index.ts';
import { HeldNamespace } from '../../lib/link/held-namespace.ts';
import { frameSender } from '../support/frame-sender.ts';
import { carrier } from '../support/links.ts';
import {
  ip,
  linkCounters,
  linkUp,
  moveLink,
  netnsOf,
  openNamespace,
  vethPair,
} from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { runNode } from '../support/run-node.ts';
import { waitFor } from '../support/wait-for.ts';

const SDK = new URL('../../dist/index.js', import.meta.url).href;

beforeAll(() => linkUp('lo'));

/** Has `lo`, which dropped nothing before, drop so many frames. */
async function dropOnLo(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await injectFrame('lo', UNKNOWN);
  const dropped = async () => (await readLinkStats('lo')).rxDropped;
  await waitFor('the kernel to drop them', async () => (await dropped()) === BigInt(count));
}

/** Makes a veth pair whose second end has ifindex 4002, and has that end drop so many frames. */
async function dropOnNumbered(count: number, end = 'numbered'): Promise<void> {
  const peer = ['peer', 'name', end, 'index', '4002'];
  ip('link', 'add', 'name', 'sender', 'index', '4001', 'type', 'veth', ...peer);
  for (const name of ['sender', end]) {
    ip('link', 'set', 'dev', name, 'addrgenmode', 'none');
    linkUp(name);
  }
  await carrier('sender');
  for (let i = 0; i < count; i++) await injectFrame('sender', UNKNOWN);
  const dropped = async () => (await readLinkStats(end)).rxDropped;
  await waitFor('the kernel to drop them', async () => (await dropped()) === BigInt(count));
}

function rowOf(rows: readonly LedgerRow[], name: string): LedgerRow | undefined {
  return rows.find((row) => row.interface === name && row.counter === 'rx_dropped');
}

it('begins at 0 for a link that has the number of an earlier one', async () => {
  await dropOnNumbered(5);
  await using drops = await watchDrops();
  ip('link', 'delete', 'dev', 'sender');
  await dropOnNumbered(7);
  const { rows } = await drops.ledger();
  ip('link', 'delete', 'dev', 'sender');
  expect(rowOf(rows, 'numbered')).toMatchObject({
    ifindex: 4002,
    counted: 7n,
    attributed: 7n,
    unattributed: 0n,
  });
});

it('begins at 0 for such a link also where the kernel could not report that the earlier one went', async () => {
  await dropOnNumbered(5);
  await dropOnLo(3);
  await using drops = await watchDrops();
  // In one turn of the event loop: more changes of links than the kernel keeps for a reader, then the one.
  const changes = Array.from({ length: 2000 }, (_, i) => `link set dev lo mtu ${60_000 + (i % 2)}`);
  const input = [...changes, 'link delete dev sender', ''].join('\n');
  execFileSync('ip', ['-batch', '-'], { input });
  await dropOnNumbered(7, 'later');
  const { rows } = await drops.ledger();
  ip('link', 'delete', 'dev', 'sender');
  expect(rowOf(rows, 'later')).toMatchObject({ counted: 7n, attributed: 7n, unattributed: 0n });
  // This link has stayed: what it had counted before the watch was armed is not in the ledger.
  expect(rowOf(rows, 'lo')).toBe(undefined);
});

it('identifies a network namespace by more than its number, which a later one may have', async () => {
  const identities = new Set<string>();
  for (let i = 0; i < 5; i++) {
    await using other = await openNamespace();
    using held = new HeldNamespace(other.pid, 'networkNamespace');
    expect(held.identity()).not.toBe(String(held.netns));
    identities.add(held.identity());
  }
  expect(identities.size).toBe(5);
});

it('says of a link that was moved in that it may have brought drops along', async () => {
  await using other = await openNamespace();
  vethPair('sender', 'moved');
  moveLink('moved', other);
  other.ip('link', 'set', 'dev', 'moved', 'up');
  linkUp('sender');
  await carrier('sender');
  await using drops = await watchDrops();
  const received = async (count: bigint, networkNamespace?: NetworkNamespaceRef) => {
    const dropped = async () => (await readLinkStats('moved', { networkNamespace })).rxDropped;
    await waitFor('the kernel to drop them', async () => (await dropped()) === count);
  };
  for (let i = 0; i < 3; i++) await injectFrame('sender', UNKNOWN);
  await received(3n, other.pid);
  other.ip('link', 'set', 'dev', 'moved', 'netns', String(process.pid));
  linkUp('moved');
  await carrier('sender');
  await injectFrame('sender', UNKNOWN);
  await received(4n);
  const { rows } = await drops.ledger();
  ip('link', 'delete', 'dev', 'sender');
  expect(rowOf(rows, 'moved')).toMatchObject({ counted: 4n, attributed: 1n, unattributed: 3n });
  expect(rowOf(rows, 'moved')?.causes).toContainEqual(expect.objectContaining({ kind: 'late' }));
});

it('finds the drops of a link that was moved where it dropped last, on whichever CPU', async () => {
  await using other = await openNamespace();
  vethPair('stays', 'goes');
  for (const name of ['stays', 'goes']) linkUp(name);
  await carrier('stays');
  await using drops = await watchDrops({ networkNamespace: 'all' });
  const send = async (count: number, cpu: number) => {
    const [command, args] = frameSender({ on: 'stays', count, cpu });
    await promisify(execFile)(command, args);
  };
  await send(5, 0);
  moveLink('goes', other);
  other.ip('link', 'set', 'dev', 'goes', 'up');
  await carrier('stays');
  await send(1, 1);
  const counted = () => linkCounters('goes', other).rx['dropped'];
  await waitFor('the kernel to drop them', async () => counted() === 6);
  const { rows } = await drops.ledger();
  expect(rowOf(rows, 'goes')).toMatchObject({
    netns: other.netns,
    counted: 6n,
    attributed: 6n,
    unattributed: 0n,
  });
});

it('lists the taps of every network namespace, each with its own', async () => {
  await using other = await openNamespace();
  other.ip('link', 'set', 'dev', 'lo', 'up');
  const tap = [
    'import socket',
    'tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)',
    'tap.bind(("lo", 3))',
  ];
  await using here = await holdPython(tap);
  await using there = await holdPython(tap, ['nsenter', '--net', '-t', String(other.pid), '--']);
  await using drops = await watchDrops({ networkNamespace: 'all' });
  const { taps } = await drops.ledger();
  for (const [netns, { pid }] of [
    [netnsOf(), here],
    [other.netns, there],
  ] as const) {
    const processes = [expect.objectContaining({ pid })];
    expect(taps).toContainEqual(expect.objectContaining({ interface: 'lo', netns, processes }));
  }
});

/** Drops two frames on `lo` while a watch is armed, and prints what the ledger has. */
const TWO_DROPS = (options: string) => `
  import { injectFrame, watchDrops } from '${SDK}';
  const drops = await watchDrops(${options});
  for (let i = 0; i < 2; i++) await injectFrame('lo', ${JSON.stringify(UNKNOWN)});
  let taken = 0;
  for await (const drop of drops) if (++taken === 2) break;
  const { rows, softnet, unknown } = await drops.ledger();
  await drops.close();
  const own = rows.find((row) => row.interface === 'lo' && row.netns === ${netnsOf()});
  console.log(JSON.stringify({ attributed: Number(own.attributed), hasSoftnet: softnet !== undefined, unknown }));
`;

/** Runs a script in Node.js where a shell has prepared mounts that nobody else sees. */
async function runMounted(prepare: string, script: string): Promise<object> {
  const node = `exec "${process.execPath}" --input-type=module -e "$SCRIPT"`;
  const { stdout } = await promisify(execFile)(
    'unshare',
    ['--mount', '--', 'sh', '-ec', `${prepare}\n${node}`],
    { env: { ...process.env, SCRIPT: script } },
  );
  return JSON.parse(stdout);
}

it('has all of it where /proc shows nothing but processes', async () => {
  const told = await runMounted(
    'mount -t proc -o subset=pid proc /proc',
    TWO_DROPS("{ interface: 'lo' }"),
  );
  expect(told).toEqual({ attributed: 2, hasSoftnet: true, unknown: [] });
});

it('says what it could not read, and why', async () => {
  const told = await runMounted(
    'mount -t tmpfs tmpfs /proc/$$/net',
    TWO_DROPS("{ interface: 'lo' }"),
  );
  const reason = 'The kernel refused open while reading what the CPUs have dropped: ENOENT.';
  expect(told).toEqual({
    attributed: 2,
    hasSoftnet: false,
    unknown: [{ what: 'softnet', reason }],
  });
});

it('says that it could not look for network namespaces, and why', async () => {
  const { stdout, stderr } = await runNode([
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process';
     import { openSync } from 'node:fs';
     import { watchDrops } from '${SDK}';
     const drops = await watchDrops({ networkNamespace: 'all' });
     execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64']);
     try { for (;;) openSync('/dev/null'); } catch {}
     console.log(JSON.stringify((await drops.ledger()).unknown));
     await drops.close();`,
  ]);
  expect(stderr).toBe('');
  const reason = 'The kernel refused scandir while looking for network namespaces: EMFILE.';
  expect(JSON.parse(stdout)).toEqual(
    expect.arrayContaining([
      { what: 'links', reason },
      { what: 'taps', reason },
    ]),
  );
});

it('says whose network namespaces it may not see', async () => {
  await using _ = await openNamespace();
  const source = `source: '${UNKNOWN.source}'`;
  const script = TWO_DROPS(`{ networkNamespace: 'all', probe: 'ebpf', ${source} }`);
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', script], {
    without: ['sys_ptrace'],
  });
  expect(stderr).toBe('');
  const reason = expect.stringMatching(
    /^This process may not see the network namespace of process \d+, .*CAP_SYS_PTRACE: EACCES\.$/,
  );
  expect(JSON.parse(stdout).unknown).toEqual([
    { what: 'links', reason },
    { what: 'taps', reason },
  ]);
});
