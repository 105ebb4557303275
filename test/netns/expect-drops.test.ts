import { beforeAll, describe, expect, it } from 'vitest';
import { expectDrops, expectNoDrops, openInjector } from '../../lib/index.ts';
import '../../lib/vitest.ts';
import { UNKNOWN_TYPE } from '../support/frames.ts';
import { carrier } from '../support/links.ts';
import { ip, linkUp, openNamespace, vethPair } from '../support/namespace.ts';
import { countBpf, countDescriptors } from '../support/resources.ts';

const FRAME = {
  source: '00:00:5e:00:53:01',
  destination: '02:00:00:00:00:0b',
  etherType: UNKNOWN_TYPE,
};

beforeAll(async () => {
  vethPair('a', 'b');
  ip('link', 'set', 'dev', 'b', 'address', FRAME.destination);
  for (const name of ['a', 'b', 'lo']) linkUp(name);
  await carrier('a');
});

async function send(count: number, change: object = {}): Promise<string> {
  using injector = openInjector('a');
  for (let i = 0; i < count; i++) injector.send({ ...FRAME, ...change });
  return 'sent';
}

describe('expectDrops', () => {
  it('finds what was dropped, with the ledger and what the action gave', async () => {
    const verdict = await expectDrops(() => send(3), {
      interface: 'b',
      reason: 'skb_drop_reason_unhandled_proto',
      counter: 'rx_dropped',
      source: FRAME.source.replaceAll(':', '-').toUpperCase(),
      etherType: UNKNOWN_TYPE,
      count: 3,
    });
    expect(verdict).toMatchObject({
      pass: true,
      result: 'sent',
      quiet: true,
      unknown: 0n,
      others: [],
      ledger: { rows: [{ interface: 'b', counter: 'rx_dropped', counted: 3n, attributed: 3n }] },
    });
    expect(verdict.drops.map(({ interface: name }) => name)).toEqual(['b', 'b', 'b']);
  });

  it('says what there was instead', async () => {
    const expectation = { interface: 'b', reason: 'IP_CSUM', count: { atLeast: 2, atMost: 4 } };
    const { pass, message } = await expectDrops(() => send(1), expectation);
    expect(pass).toBe(false);
    expect(message).toBe(
      'Expected 2 to 4 drops with reason IP_CSUM; there were 0, and 1 others.\n' +
        '  b: 00:00:5e:00:53:01 > 02:00:00:00:00:0b 0x4321, ' +
        'rx_dropped, UNHANDLED_PROTO at __netif_receive_skb_core',
    );
  });

  it('takes more than was expected for a failure, and at least one for enough', async () => {
    expect(await expectDrops(() => send(2), { interface: 'b', count: 1 })).toMatchObject({
      pass: false,
    });
    expect(await expectDrops(() => send(2), { interface: 'b' })).toMatchObject({ pass: true });
    expect(await expectDrops(() => {}, { interface: 'b' })).toMatchObject({ pass: false });
  });

  it('looks into another network namespace', async () => {
    await using peer = await openNamespace();
    ip('link', 'add', 'dev', 'here', 'type', 'veth', 'peer', 'name', 'there');
    ip('link', 'set', 'dev', 'there', 'netns', String(peer.pid));
    peer.ip('link', 'set', 'dev', 'there', 'addrgenmode', 'none', 'up');
    ip('link', 'set', 'dev', 'here', 'addrgenmode', 'none', 'up');
    await carrier('here');
    const expectation = { interface: 'there', networkNamespace: peer.pid, count: 1 };
    using injector = openInjector('here');
    const verdict = await expectDrops(() => injector.send(FRAME), expectation);
    expect(verdict).toMatchObject({
      pass: true,
      drops: [{ interface: 'there', netns: peer.netns }],
    });
  });

  it('rejects with what the action throws, and leaves nothing', async () => {
    await send(1); // What is opened once and stays.
    const before = [countDescriptors(), countBpf()];
    const failing = () => Promise.reject(new Error('it went wrong'));
    await expect(expectDrops(failing, { interface: 'b' })).rejects.toThrow('it went wrong');
    expect([countDescriptors(), countBpf()]).toEqual(before);
  });

  it('rejects as the watch fails when the interface goes', async () => {
    vethPair('brief', 'other');
    const end = () => ip('link', 'delete', 'dev', 'brief');
    await expect(expectDrops(end, { interface: 'brief' })).rejects.toMatchObject({
      code: 'ERR_INTERFACE_GONE',
    });
  });

  it('rejects with the reason of its signal', async () => {
    const signal = AbortSignal.timeout(50);
    const expectation = { interface: 'b', quietMs: 4000, timeoutMs: 5000, signal };
    await expect(expectDrops(() => {}, expectation)).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it.each<[string, object]>([
    ['expectation', { colour: 'red' }],
    ['expectation.count', { count: -1 }],
    ['expectation.count', { count: 'three' }],
    ['expectation.count', { count: { atLeast: 3, atMost: 2 } }],
    ['expectation.quietMs', { quietMs: 0 }],
    ['expectation.quietMs', { quietMs: 3000 }],
    ['expectation.networkNamespace', { networkNamespace: 'all' }],
    ['expectation.counter', { counter: 'rx_droped' }],
    ['expectation.source', { source: 'b' }],
    ['expectation.etherType', { etherType: '0x4321' }],
    ['expectation.reason', { reason: 5 }],
    ['options.interface', { interface: [] }],
  ])('refuses a bad %s before it acts: %o', async (argument, expectation) => {
    let acted = false;
    const act = () => {
      acted = true;
    };
    const proof: Promise<unknown> = Reflect.apply(expectDrops, undefined, [act, expectation]);
    await expect(proof).rejects.toMatchObject({ name: 'ArgumentError', argument });
    expect(acted).toBe(false);
  });
});

describe('expectNoDrops', () => {
  it('holds where nothing is dropped', async () => {
    expect(await expectNoDrops(() => {}, { interface: 'b' })).toMatchObject({
      pass: true,
      drops: [],
    });
  });

  it('tells what was dropped', async () => {
    const { pass, message } = await expectNoDrops(() => send(12), { interface: 'b' });
    expect(pass).toBe(false);
    expect(message).toMatch(
      /^Expected no drops; there were 12, and 0 others\.\n( {2}b: .*\n){10} {2}and 2 more$/,
    );
  });

  it('looks at those alone that are meant', async () => {
    const expectation = { interface: 'b', etherType: 0x88b5 };
    expect(await expectNoDrops(() => send(1), expectation)).toMatchObject({
      pass: true,
      others: [{ etherType: UNKNOWN_TYPE }],
    });
  });
});

describe('the matchers', () => {
  it('pass and fail as the verdict does', async () => {
    await expect(() => send(2)).toCauseDrops({ interface: 'b', count: 2 });
    await expect(() => {}).toCauseNoDrops({ interface: 'b' });
    await expect(expect(() => {}).not.toCauseDrops()).rejects.toThrow('Use toCauseNoDrops()');
    await expect(expect(() => send(1)).toCauseNoDrops({ interface: 'b' })).rejects.toThrow(
      'Expected no drops; there were 1',
    );
  });
});
