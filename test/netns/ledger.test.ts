import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ledgerText } from '../../lib/cli/ledger-text.ts';
import { injectFrame, type LedgerRow, watchDrops } from '../../lib/index.ts';
import { vethScene } from '../support/drop-scene.ts';
import { frameSender } from '../support/frame-sender.ts';
import { unknownFrame } from '../support/frames.ts';
import { tc } from '../support/links.ts';
import { ip, linkCounters, linkUp, netnsOf, vethPair } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { startChild } from '../support/start-child.ts';
import { waitFor } from '../support/wait-for.ts';

beforeAll(vethScene);

/** Sends in another process, which the caller waits for. */
function send(count: number, cpu: number) {
  const [command, args] = frameSender({ on: 'lo', count, cpu });
  return once(startChild(command, args), 'exit');
}

function sumOf({ attributed, filtered, lost, inFlight, unattributed }: LedgerRow): bigint {
  return attributed + filtered + lost + inFlight + unattributed;
}

it('has a row for each counter that moved', async () => {
  await using drops = await watchDrops();
  const before = new Date();
  for (let i = 0; i < 5; i++) await injectFrame('a', unknownFrame());
  const ledger = await drops.ledger();
  expect(ledger).toMatchObject({ probe: 'ebpf', taps: [], softnet: { dropped: 0n } });
  expect(ledger.rows).toEqual([
    {
      interface: 'b',
      ifindex: expect.any(Number),
      netns: netnsOf(),
      counter: 'rx_dropped',
      counted: 5n,
      attributed: 5n,
      filtered: 0n,
      lost: 0n,
      inFlight: 0n,
      unattributed: 0n,
      causes: [],
    },
  ]);
  expect(Number(ledger.since)).toBeLessThanOrEqual(Number(before));
  expect(Number(ledger.until)).toBeGreaterThanOrEqual(Number(before));
});

it('begins when the watch is armed, whatever was counted before', async () => {
  await injectFrame('a', unknownFrame());
  await using drops = await watchDrops();
  expect((await drops.ledger()).rows).toEqual([]);
  await injectFrame('a', unknownFrame());
  expect((await drops.ledger()).rows).toMatchObject([{ counted: 1n, attributed: 1n }]);
});

it('names apart what the filters held back, and leaves out other interfaces', async () => {
  await using drops = await watchDrops({ interface: 'b', etherType: 0x4321 });
  await injectFrame('a', unknownFrame());
  await injectFrame('a', unknownFrame({ etherType: 0x4322 }));
  await injectFrame('lo', unknownFrame());
  expect((await drops.ledger()).rows).toMatchObject([
    { interface: 'b', counted: 2n, attributed: 1n, filtered: 1n, unattributed: 0n },
  ]);
});

it('counts as lost what the ring had no room for', async () => {
  await using drops = await watchDrops({ interface: 'lo', ringBytes: 4096 });
  // Blocks this thread, which empties the ring.
  execFileSync(...frameSender({ on: 'lo', count: 1000 }));
  const [row] = (await drops.ledger()).rows;
  expect(row).toMatchObject({ counted: 1000n, inFlight: 0n, unattributed: 0n });
  expect(row?.lost).toBeGreaterThan(0n);
  expect(row?.lost).toBe(BigInt(drops.lost.kernel));
});

it.each(['drops', 'summary'] as const)(
  'adds up while drops go on, and is exact when they have ceased: %s',
  async (deliver) => {
    const COUNT = 150_000;
    await using drops = await watchDrops({ interface: 'lo', deliver, ringBytes: 2 ** 26 });
    const before = linkCounters('lo').rx['dropped'] ?? 0;
    let sending = true;
    const sent = Promise.all([send(COUNT, 0), send(COUNT, 1)]).finally(() => {
      sending = false;
    });
    while (sending) {
      for (const row of (await drops.ledger()).rows) {
        expect(sumOf(row)).toBe(row.counted);
        expect(row.unattributed).toBe(0n);
      }
      await nextTurn();
    }
    await sent;
    const dropped = () => linkCounters('lo').rx['dropped'] ?? 0;
    await waitFor('the kernel to drop the last frames', () => dropped() >= before + 2 * COUNT);
    expect((await drops.ledger()).rows).toMatchObject([
      { counted: BigInt(2 * COUNT), attributed: BigInt(2 * COUNT), inFlight: 0n, lost: 0n },
    ]);
  },
);

it('names the process whose tap hides drops, and which', async () => {
  await using python = await holdPython([
    'import socket',
    'tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)',
    'tap.bind(("b", 3))',
  ]);
  await using drops = await watchDrops();
  await injectFrame('a', unknownFrame());
  const ledger = await drops.ledger();
  const processes = [{ pid: python.pid, name: 'python3' }];
  expect(ledger).toMatchObject({
    rows: [],
    taps: [{ interface: 'b', hides: { b: 'untagged' }, processes }],
  });
  expect(ledgerText(ledger)).toContain(
    `A tap is open on b (python3, process ${python.pid}): frames without a VLAN tag that nothing ` +
      'else takes are neither dropped nor counted there.\n',
  );
});

it('does not blame a tap that hides nothing', async () => {
  tc('qdisc', 'add', 'dev', 'b', 'clsact');
  try {
    await using _ = await holdPython([
      'import socket',
      'tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)',
      'tap.bind(("b", 3))',
    ]);
    await using drops = await watchDrops({ interface: 'b' });
    await injectFrame('a', unknownFrame());
    await once(drops, 'drop');
    const ledger = await drops.ledger();
    expect(ledger).toMatchObject({
      rows: [{ interface: 'b', counted: 1n, attributed: 1n }],
      taps: [{ interface: 'b', hides: { b: 'none' } }],
    });
    expect(ledgerText(ledger)).toContain('it hides no drop there.\n');
  } finally {
    tc('qdisc', 'delete', 'dev', 'b', 'clsact');
  }
});

describe('of links that come', () => {
  it('counts what they drop from their first frame on', async () => {
    await using drops = await watchDrops();
    vethPair('c', 'd');
    for (const name of ['c', 'd']) linkUp(name);
    await injectFrame('lo', unknownFrame());
    ip('link', 'set', 'dev', 'd', 'name', 'e');
    await send(0, 0);
    const { rows } = await drops.ledger();
    expect(rows.map(({ interface: name, unattributed }) => [name, unattributed])).toEqual([
      ['lo', 0n],
    ]);
    ip('link', 'delete', 'dev', 'c');
    expect((await drops.ledger()).rows).toHaveLength(1);
  });
});

it('is the counters’ own where nothing sees the frames', async () => {
  await using drops = await watchDrops({ probe: 'counters' });
  for (let i = 0; i < 3; i++) await injectFrame('lo', unknownFrame());
  expect((await drops.ledger()).rows).toMatchObject([
    {
      interface: 'lo',
      counted: 3n,
      attributed: 0n,
      unattributed: 3n,
      causes: [{ kind: 'probe', amount: 3n }],
    },
  ]);
});

it('is not to be had of a watch that is closed', async () => {
  const drops = await watchDrops();
  await drops.close();
  await expect(drops.ledger()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
