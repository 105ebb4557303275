import { beforeAll, expect, it } from 'vitest';
import { expectDrops, injectFrame, SCENARIOS, type Scenario } from '../../lib/index.ts';
import { vethScene } from '../support/drop-scene.ts';

beforeAll(vethScene);

const SENT = 5;

it.each(Object.entries<Scenario>(SCENARIOS))('drops %s as it says', async (_, scenario) => {
  const { frame, counter, reason, location } = scenario;
  const send = async () => {
    for (let i = 0; i < SENT; i++) await injectFrame('a', frame);
  };
  const expectation = { interface: 'b', scope: 'all', reason, count: SENT } as const;
  const { pass, message, drops, others, ledger } = await expectDrops(send, expectation);
  expect({ pass, message, others }).toMatchObject({ pass: true, others: [] });
  const told = drops.map((drop) => [drop.counter?.name, drop.location]);
  const place = location ?? expect.any(String);
  expect(told).toEqual(Array.from({ length: SENT }, () => [counter, place]));
  const moved = ledger.rows.map((row) => [row.counter, row.counted]);
  expect(moved).toEqual(counter === undefined ? [] : [[counter, BigInt(SENT)]]);
});
