import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectDrops, expectNoDrops, openInjector } from '../../lib/index.ts';
import '../../lib/vitest.ts';
import { ipv4Frame, llcFrame, UNKNOWN_TYPE } from '../support/frames.ts';
import { carrier, tc } from '../support/links.ts';
import { ip, linkUp, openNamespace, vethPair } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { countBpf, countDescriptors, descriptorsBackTo } from '../support/resources.ts';

const FRAME = {
  source: '00:00:5e:00:53:01',
  destination: '02:00:00:00:00:0b',
  etherType: UNKNOWN_TYPE,
};

beforeAll(async () => {
  vethPair('a', 'b');
  ip('link', 'set', 'dev', 'b', 'address', FRAME.destination);
  for (const name of ['a', 'b', 'lo']) linkUp(name);
  for (const name of ['a', 'b']) await carrier(name);
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
        'Frames received meanwhile: 1.\n' +
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
    const descriptors = countDescriptors();
    const bpf = countBpf();
    const failing = () => Promise.reject(new Error('it went wrong'));
    await expect(expectDrops(failing, { interface: 'b' })).rejects.toThrow('it went wrong');
    expect(countBpf()).toBe(bpf);
    await descriptorsBackTo(descriptors);
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
    ['expectation.reason', { reason: 'UNHANDLED_PROTOO' }],
    ['expectation.location', { location: '__netif_receive_skb_cor' }],
    ['expectation.minReceived', { minReceived: 0.5 }],
    ['expectation.minReceived', { minReceived: -1 }],
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
      /^Expected no drops; there were 12, and 0 others\.\nFrames received meanwhile: 12\.\n( {2}b: .*\n){10} {2}and 2 more$/,
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

describe('names that no drop can have', () => {
  it.each([
    [{ reason: 'UNHANDLED_PROTOO' }, 'Did you mean UNHANDLED_PROTO?'],
    [{ reason: 'skb_drop_reason_ip_csumm' }, 'Did you mean IP_CSUM?'],
    [{ reason: 'nothing of the kind' }, 'received "NOTHING OF THE KIND".'],
    [{ location: '_netif_receive_skb_core' }, 'Did you mean __netif_receive_skb_core?'],
    [{ location: 'ip_rcv_core.isra.0' }, 'received "ip_rcv_core.isra.0".'],
  ])('are refused, with the nearest that is known: %o', async (expectation, words) => {
    await expect(expectNoDrops(() => {}, expectation)).rejects.toThrow(words);
  });

  it('are refused by number where the reason has a name', async () => {
    const { drops } = await expectDrops(() => send(1), { interface: 'b' });
    expect(drops[0]?.reason).toBe('UNHANDLED_PROTO');
    await expect(expectNoDrops(() => {}, { reason: '2' })).rejects.toThrow('Did you mean ');
    await expect(expectNoDrops(() => {}, { reason: '65000' })).resolves.toMatchObject({
      pass: true,
    });
  });
});

describe('a proof that cannot be made', () => {
  const ALL = 3;

  function tapOnB(protocol: number) {
    const open = 's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)';
    return holdPython(['import socket', open, `s.bind(("b", ${protocol}))`]);
  }

  it.each([
    [ALL, {}],
    [ALL, { etherType: UNKNOWN_TYPE }],
    [ALL, { reason: 'UNHANDLED_PROTO', counter: 'rx_dropped' as const }],
    [UNKNOWN_TYPE, { location: '__netif_receive_skb_core' }],
    [UNKNOWN_TYPE, { etherType: UNKNOWN_TYPE }],
  ])('fails while a tap hides the drops: of protocol %i, expecting %o', async (protocol, match) => {
    await using python = await tapOnB(protocol);
    const verdict = await expectNoDrops(() => send(3), { interface: 'b', ...match });
    expect(verdict).toMatchObject({
      pass: false,
      drops: [],
      unknown: 0n,
      received: 3n,
      obstacles: [{ kind: 'tap', tap: { interface: 'b', processes: [{ pid: python.pid }] } }],
    });
    expect(verdict.message).toContain(
      `A tap hides such drops on b (python3, process ${python.pid}).`,
    );
  });

  it.each([
    [ALL, { etherType: 0x0800 }],
    [ALL, { reason: 'IP_CSUM' }],
    [ALL, { location: 'ip_rcv_core' }],
    [ALL, { counter: 'tx_dropped' as const }],
    [0x88cc, { etherType: UNKNOWN_TYPE }],
    [0x0004, { etherType: UNKNOWN_TYPE }],
  ])('passes while a tap hides others: of protocol %i, expecting %o', async (protocol, match) => {
    await using _ = await tapOnB(protocol);
    const verdict = await expectNoDrops(() => {}, { interface: 'b', ...match });
    expect(verdict).toMatchObject({ pass: true, obstacles: [] });
  });

  it('passes while a tap hides nothing on the link', async () => {
    tc('qdisc', 'add', 'dev', 'b', 'clsact');
    await using _ = await tapOnB(ALL);
    expect(await expectNoDrops(() => {}, { interface: 'b' })).toMatchObject({ pass: true });
    tc('qdisc', 'delete', 'dev', 'b', 'clsact');
  });

  it('fails for a tap that is opened while the action runs, also where it has ended by then', async () => {
    let tap: AsyncDisposable | undefined;
    const opened = async () => {
      tap = await tapOnB(ALL);
    };
    const obstacles = [{ kind: 'tap' }];
    const opening = await expectNoDrops(opened, { interface: 'b' });
    await tap?.[Symbol.asyncDispose]();
    expect(opening).toMatchObject({ pass: false, obstacles });
    const brief = async () => {
      await using _ = await tapOnB(ALL);
      // It looks twice as often.
      await setTimeout(100);
    };
    expect(await expectNoDrops(brief, { interface: 'b' })).toMatchObject({
      pass: false,
      obstacles,
    });
  });

  it('fails for an upper bound, not for drops that were seen', async () => {
    await using _ = await tapOnB(ALL);
    const tagged = () => send(2, { vlan: { id: 7 } });
    expect(await expectDrops(tagged, { interface: 'b' })).toMatchObject({ pass: true });
    expect(await expectDrops(tagged, { interface: 'b', count: 2 })).toMatchObject({
      pass: false,
      obstacles: [{ kind: 'tap' }],
    });
  });

  it('fails where the link is down, or has no carrier', async () => {
    vethPair('c', 'd');
    const down = await expectNoDrops(() => {}, { interface: 'd' });
    expect(down).toMatchObject({
      pass: false,
      obstacles: [{ kind: 'link-down', interface: 'd' }],
    });
    expect(down.message).toContain('Interface d was down, before the action or after it.');
    linkUp('d');
    const alone = await expectNoDrops(() => {}, { interface: 'd' });
    expect(alone).toMatchObject({ pass: false, obstacles: [{ kind: 'link-down' }] });
    expect(alone.message).toContain('Interface d had no carrier');
    linkUp('c');
    await carrier('d');
    expect(await expectNoDrops(() => {}, { interface: 'd' })).toMatchObject({ pass: true });
    const setDown = () => void ip('link', 'set', 'dev', 'd', 'down');
    expect(await expectNoDrops(setDown, { interface: 'd' })).toMatchObject({ pass: false });
    ip('link', 'delete', 'dev', 'c');
  });

  it('tells of drops on a link without carrier all the same', async () => {
    vethPair('c', 'd');
    linkUp('c');
    linkUp('d');
    await carrier('c');
    using injector = openInjector('c');
    const setDown = async () => {
      ip('link', 'set', 'dev', 'd', 'down');
      // Until then the driver drops the frame, and the sender is told.
      await carrier('c', 'LOWERLAYERDOWN');
      injector.send(FRAME);
    };
    const expectation = { interface: 'c', counter: 'tx_dropped' as const, count: 1 };
    expect(await expectDrops(setDown, expectation)).toMatchObject({
      pass: true,
      obstacles: [{ kind: 'link-down', interface: 'c' }],
    });
    ip('link', 'delete', 'dev', 'c');
  });

  it('fails where a link is gone with what it counted', async () => {
    vethPair('c', 'd');
    const { pass, obstacles } = await expectNoDrops(() => void ip('link', 'delete', 'dev', 'c'));
    expect(pass).toBe(false);
    expect(obstacles).toMatchObject([
      { kind: 'link-gone', interface: 'd' },
      { kind: 'link-gone', interface: 'c' },
    ]);
  });

  it('fails where fewer frames were received than must be', async () => {
    using injector = openInjector('a');
    const llc = llcFrame(FRAME.destination, [0x42, 0x42, 0x03]);
    const action = () => void injector.send(llc);
    const one = await expectNoDrops(action, { interface: 'b', minReceived: 1 });
    expect(one).toMatchObject({ pass: true, received: 1n });
    expect(one.message).toContain('Frames received meanwhile: 1.');
    const two = await expectNoDrops(action, { interface: 'b', minReceived: 2 });
    expect(two).toMatchObject({ pass: false, received: 1n });
    expect(two.message).toContain('Frames received meanwhile: 1, where at least 2 were expected.');
    expect(await expectDrops(() => send(1), { interface: 'b', minReceived: 2 })).toMatchObject({
      pass: false,
    });
  });
});

describe('drops that move no counter', () => {
  it('are seen where their reason or location is expected', async () => {
    const { payload } = ipv4Frame({ destination: '192.0.2.1', checksumError: 1 });
    const bad = () => send(2, { etherType: 0x0800, payload });
    for (const match of [{ reason: 'IP_CSUM' }, { location: 'ip_rcv_core' }]) {
      const verdict = await expectNoDrops(bad, { interface: 'b', ...match });
      expect(verdict).toMatchObject({ pass: false, drops: [{}, {}] });
    }
    expect(await expectNoDrops(bad, { interface: 'b' })).toMatchObject({ pass: true });
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
