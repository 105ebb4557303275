import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DropEvent,
  type DropTotals,
  type DropWatch,
  injectFrame,
  type ProbeName,
  watchDrops,
} from '../../../dist/index.js';
import { testProbe } from '../../contract/probe-contract.ts';
import { addVeth, FRAME, HAS_EBPF, MODULE, TO_VETH } from './support.ts';

// Since 5.17.
const hasReasons = HAS_EBPF;

/** What each is opened with here. */
const OPTIONS = { systemtap: { module: MODULE } } as const;

const PROBES: readonly ProbeName[] = [
  ...(HAS_EBPF ? (['ebpf'] as const) : []),
  'systemtap',
  'drop-monitor',
  'counters',
];

beforeAll(() => {
  addVeth('pa', 'pb');
});

it('does not load the drop monitor by itself', async () => {
  await expect(watchDrops({ probe: 'drop-monitor' })).rejects.toMatchObject({
    message: expect.stringContaining('modprobe drop_monitor'),
  });
});

describe('with the drop monitor loaded', () => {
  beforeAll(() => {
    execFileSync('modprobe', ['drop_monitor']);
  });

  for (const probe of PROBES) {
    const options = probe === 'systemtap' ? OPTIONS[probe] : {};
    testProbe(probe, { options, hasReasons });
  }

  it('refuses the drop monitor that another one uses', async () => {
    await using _ = await watchDrops({ probe: 'drop-monitor' });
    await expect(watchDrops({ probe: 'drop-monitor' })).rejects.toMatchObject({
      name: 'ProbeError',
      message: expect.stringContaining('at work already'),
    });
  });

  it('takes the next one where the better ones do not work, and says why', async () => {
    await using drops = await watchDrops({ probe: ['drop-monitor', 'counters'], scope: 'counted' });
    await using next = await watchDrops({ probe: ['drop-monitor', 'counters'], scope: 'counted' });
    expect([drops.probe, next.probe]).toEqual(['drop-monitor', 'counters']);
    expect(next.passedOver).toEqual([expect.objectContaining({ probe: 'drop-monitor' })]);
  });

  it('tells the same of 1,000 mixed frames by each probe', async () => {
    const probes = PROBES.filter((probe) => probe !== 'counters');
    const watches = await Promise.all(
      probes.map((probe) =>
        watchDrops({
          ...(probe === 'systemtap' && OPTIONS.systemtap),
          interface: ['lo', 'pb'],
          probe,
        }),
      ),
    );
    const told = watches.map(listen);
    for (let i = 0; i < 1000; i++) {
      const etherType = 0x4321 + (i % 3);
      const source = `00:00:5e:00:53:0${i % 7}`;
      if (i % 2 === 0) await injectFrame('lo', { ...FRAME, source, etherType });
      else await injectFrame('pa', { ...TO_VETH, source, etherType });
      // As fast as each of them bears: what is lost is counted, and would not be compared.
      if (i % 20 === 19) await sleep(50);
    }
    for (const watch of watches) await watch.close();
    expect(watches.map(({ probe, lost }) => [probe, lost])).toEqual(
      probes.map((probe) => [probe, { kernel: 0, queue: 0, output: 0 }]),
    );
    const [first = [], ...others] = told.map((identities) => identities.sort());
    expect(first).toHaveLength(1000);
    for (const other of others) expect(other).toEqual(first);
    expect(release()).toBe(process.env['GUEST_RELEASE']);
  });
});

/** Whose the drops are, once for each; SystemTap tells of some in sums where they come fast. */
function listen(drops: DropWatch): string[] {
  const told: string[] = [];
  drops.on('drop', (drop) => told.push(identity(drop)));
  drops.on('totals', (totals) => {
    told.push(...Array.from({ length: totals.count }, () => identity(totals)));
  });
  return told;
}

function identity({ interface: name, source, destination, etherType }: DropEvent | DropTotals) {
  return `${name} ${source} ${destination} ${etherType}`;
}
