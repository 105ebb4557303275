import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import { injectFrame, type LedgerRow, watchDrops } from '../../../dist/index.js';
import { addVeth, FRAME, HAS_EBPF, ip, TO_VETH } from './support.ts';

const FRAMES = 10;

beforeAll(() => addVeth('va', 'vb'));

/** A way of dropping that only these kernels know. */
interface Kind {
  readonly what: string;
  arrange(): void;
  readonly on: string;
  readonly frame: Parameters<typeof injectFrame>[1];
  undo(): void;
  /** By counter of an interface: how many a frame moves it by, and who explains it. */
  readonly moves: Readonly<Record<string, 'attributed' | 'after'>>;
  /** Linux has it since this version. */
  readonly since?: readonly [major: number, minor: number];
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}

const KINDS: readonly Kind[] = [
  {
    what: 'on an 802.1Q device',
    arrange() {
      ip('link', 'add', 'link', 'vb', 'name', 'vlan7', 'type', 'vlan', 'id', '7');
      ip('link', 'set', 'dev', 'vlan7', 'addrgenmode', 'none', 'up');
    },
    on: 'va',
    frame: { ...TO_VETH, vlan: { id: 7 } },
    undo: () => ip('link', 'delete', 'dev', 'vlan7'),
    moves: { 'vlan7 rx_dropped': 'attributed' },
  },
  {
    what: 'on an inactive port of a bond',
    arrange() {
      // Else it comes with a bond0.
      run('modprobe', 'bonding', 'max_bonds=0');
      addVeth('vc', 'vd');
      ip('link', 'add', 'dev', 'bond7', 'type', 'bond', 'mode', 'active-backup');
      ip('link', 'set', 'dev', 'bond7', 'addrgenmode', 'none');
      for (const port of ['vb', 'vd']) {
        ip('link', 'set', 'dev', port, 'down');
        ip('link', 'set', 'dev', port, 'master', 'bond7');
      }
      ip('link', 'set', 'dev', 'bond7', 'type', 'bond', 'active_slave', 'vb');
      ip('link', 'set', 'dev', 'bond7', 'up');
    },
    on: 'vc',
    frame: { ...FRAME, destination: 'ff:ff:ff:ff:ff:ff' },
    undo() {
      ip('link', 'delete', 'dev', 'bond7');
      ip('link', 'delete', 'dev', 'vc');
      ip('link', 'set', 'dev', 'vb', 'up');
    },
    moves: { 'vd rx_nohandler': 'attributed' },
  },
  {
    what: 'by nft on its way in, which counts nothing',
    arrange() {
      const rules = `table netdev t {
        chain c {
          type filter hook ingress device vb priority 0;
          ether saddr ${FRAME.source} drop
        }
      }`;
      execFileSync('nft', ['-f', '-'], { input: rules });
    },
    on: 'va',
    frame: TO_VETH,
    undo: () => run('nft', 'delete', 'table', 'netdev', 't'),
    moves: {},
  },
  {
    what: 'by netem, which counts nothing of the link',
    arrange: () => run('tc', 'qdisc', 'add', 'dev', 'va', 'root', 'netem', 'loss', '100%'),
    on: 'va',
    frame: TO_VETH,
    undo: () => run('tc', 'qdisc', 'delete', 'dev', 'va', 'root'),
    moves: {},
  },
  {
    what: 'in a netkit device, which counts them after it has freed them',
    since: [6, 7],
    arrange() {
      const pair = ['type', 'netkit', 'mode', 'l2', 'blackhole', 'peer', 'name', 'nkb'];
      ip('link', 'add', 'dev', 'nka', ...pair);
      for (const name of ['nka', 'nkb']) {
        ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'up');
      }
    },
    on: 'nka',
    frame: TO_VETH,
    undo: () => ip('link', 'delete', 'dev', 'nka'),
    moves: { 'nka tx_dropped': 'after' },
  },
  {
    what: 'in a dummy device, which only says that it sent them',
    arrange() {
      ip('link', 'add', 'dev', 'dummy7', 'type', 'dummy');
      ip('link', 'set', 'dev', 'dummy7', 'addrgenmode', 'none', 'up');
    },
    on: 'dummy7',
    frame: TO_VETH,
    undo: () => ip('link', 'delete', 'dev', 'dummy7'),
    moves: {},
  },
];

describe.skipIf(!HAS_EBPF)('the ledger of frames that are dropped', () => {
  const here = KINDS.filter(({ since = [0, 0] }) => isSince(since));
  it.each(here.map((kind) => [kind.what, kind] as const))('%s adds up', async (_, kind) => {
    kind.arrange();
    try {
      await using drops = await watchDrops({ probe: 'ebpf' });
      for (let i = 0; i < FRAMES; i++) {
        await injectFrame(kind.on, kind.frame).catch((error: { errnoName?: string }) => {
          if (error.errnoName !== 'ENOBUFS') throw error;
        });
      }
      const { rows } = await drops.ledger();
      console.log(kind.what, rows);
      for (const row of rows) expect(sumOf(row)).toBe(row.counted);
      const moved = rows.filter(({ counted }) => counted >= BigInt(FRAMES));
      expect(Object.fromEntries(moved.map(explanation))).toMatchObject(kind.moves);
      const unexplained = rows.filter(
        ({ unattributed, causes }) => unattributed > 0n && causes.length === 0,
      );
      expect(unexplained).toEqual([]);
    } finally {
      kind.undo();
    }
  });
});

function isSince([major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

function sumOf({ attributed, filtered, lost, inFlight, unattributed }: LedgerRow): bigint {
  return attributed + filtered + lost + inFlight + unattributed;
}

function explanation({ interface: name, counter, unattributed, causes }: LedgerRow) {
  const why = unattributed === 0n ? 'attributed' : causes.map(({ kind }) => kind).join();
  return [`${name} ${counter}`, why] as const;
}
