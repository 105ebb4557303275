import { beforeAll, describe, expect, it } from 'vitest';
import {
  type DropVerdict,
  expectDrops,
  type FrameInjector,
  openInjector,
  SCENARIOS,
  type Scenario,
  type ScenarioName,
} from '../../lib/index.ts';
import { vethScene } from '../support/drop-scene.ts';
import { ip } from '../support/namespace.ts';
import { setNamespaceSysctl } from '../support/sysctl.ts';

const SENT = 5;

/** What some of them need; it gives what ends it. */
const ARRANGE: Partial<Record<ScenarioName, () => () => void>> = {
  'reverse-path': () => setNamespaceSysctl('ipv4/conf/b/rp_filter', 1),
  'ipv6-disabled': () => setNamespaceSysctl('ipv6/conf/b/disable_ipv6', 1),
  oversize: () => {
    ip('link', 'set', 'dev', 'a', 'mtu', '9000');
    return () => ip('link', 'set', 'dev', 'a', 'mtu', '1500');
  },
};

beforeAll(async () => {
  await vethScene();
  ip('address', 'add', '192.0.2.2/32', 'dev', 'b');
  for (const scope of ['all', 'b']) {
    setNamespaceSysctl(`ipv4/conf/${scope}/forwarding`, 0);
    setNamespaceSysctl(`ipv4/conf/${scope}/rp_filter`, 0);
  }
});

const ALL = Object.entries(SCENARIOS) as [ScenarioName, Scenario][];

describe('sent by the peer', () => {
  it.each(ALL)('drops %s as it says', async (name, scenario) => {
    using injector = openInjector('a');
    const verdict = await provoke(name, scenario, injector);
    expect(verdict).toMatchObject({ pass: true, message: verdict.message, others: [] });
    checkDrops(verdict, scenario);
    expect(moved(verdict, 'b')).toEqual(expectedMoves(scenario));
  });
});

describe('received by itself', () => {
  const received = ALL.filter(([name]) => name !== 'oversize');
  it.each(received)('drops %s as it says', async (name, scenario) => {
    using injector = openInjector('b', { direction: 'receive' });
    const verdict = await provoke(name, scenario, injector);
    expect(verdict).toMatchObject({ pass: true, message: verdict.message, others: [] });
    checkDrops(verdict, scenario);
    expect(moved(verdict, 'b')).toEqual(expectedMoves(scenario));
  });
});

async function provoke(
  name: ScenarioName,
  { frame, reason }: Scenario,
  injector: FrameInjector,
): Promise<DropVerdict<unknown>> {
  const end = ARRANGE[name]?.();
  try {
    const send = () => injector.flood({ frame, count: SENT });
    return await expectDrops(send, { interface: 'b', scope: 'all', reason, count: SENT });
  } finally {
    end?.();
  }
}

function checkDrops({ drops }: DropVerdict<unknown>, { counter, location }: Scenario): void {
  const told = drops.map((drop) => [drop.counter?.name, drop.location]);
  const place = location ?? expect.any(String);
  expect(told).toEqual(Array.from({ length: SENT }, () => [counter, place]));
}

function moved({ ledger }: DropVerdict<unknown>, name: string): unknown[] {
  const rows = ledger.rows.filter((row) => row.interface === name);
  return rows.map((row) => [row.counter, row.counted]);
}

function expectedMoves({ counter }: Scenario): unknown[] {
  return counter === undefined ? [] : [[counter, BigInt(SENT)]];
}
