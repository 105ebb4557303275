import { expect, it } from 'vitest';
import { watchDrops } from '../../lib/index.ts';
import { HeldNamespace } from '../../lib/link/held-namespace.ts';
import { namespaceToWatch, planWatch, type WatchOptions } from '../../lib/watch/watch-options.ts';

it('fills in what is left out', () => {
  expect(plan({})).toEqual({
    interfaces: new Map(),
    probes: ['ebpf', 'systemtap', 'drop-monitor', 'counters'],
    queueLimit: 65_536,
    summaryEveryMs: undefined,
    namespace: expect.any(HeldNamespace),
    allNamespaces: false,
    ifindexes: [],
    isFiltered: false,
    probeOptions: {
      networkNamespace: undefined,
      allNamespaces: false,
      summary: false,
      scope: 'counted',
      ifindexes: [],
      sources: [],
      destinations: [],
      etherTypes: [],
      reasons: [],
      headerBytes: 64,
      ringBytes: 4_194_304,
      module: undefined,
      signal: undefined,
      onProgress: undefined,
    },
  });
});

it('takes one value or several', () => {
  const one = plan({ interface: 'lo', etherType: 0x26, reason: 'SKB_DROP_REASON_OTHERHOST' });
  expect(one.interfaces).toEqual(new Map([[1, 'lo']]));
  expect(one.probeOptions).toMatchObject({ etherTypes: [0x26], reasons: ['OTHERHOST'] });
  const { probeOptions } = plan({ source: ['00-00-5E-00-53-00', '00:00:5e:00:53:01'] });
  expect(probeOptions.sources.map((mac) => mac[5])).toEqual([0, 1]);
});

it('rounds the ring up to a power of two', () => {
  expect(plan({ ringBytes: 5000 }).probeOptions.ringBytes).toBe(8192);
});

/** As plain JavaScript may call it. */
const BAD: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ['options.module', { module: 'f.so' }, 'the path of a module'],
  ['options.module', { module: 'a.*.ko' }, 'the path of a module'],
  ['options.onProgress', { onProgress: 'loud' }, 'a function'],
  ['options.scope', { scope: 'everything' }, `'counted' or 'all'`],
  ['options.source', { source: '00:00:5e:00:53' }, 'a MAC address'],
  ['options.destination[1]', { destination: ['00:00:5e:00:53:00', 7] }, 'a MAC address'],
  ['options.etherType', { etherType: '0x4321' }, 'an integer from 0 to 65535'],
  ['options.etherType', { etherType: 1.5 }, 'an integer from 0 to 65535'],
  ['options.etherType', { etherType: [] }, 'at least one value'],
  ['options.reason', { reason: 5 }, 'the name of a drop reason'],
  ['options.probe', { probe: 'tcpdump' }, `'ebpf'`],
  ['options.deliver', { deliver: 'everything' }, `'drops' or 'summary'`],
  ['options.everyMs', { everyMs: 9 }, 'an integer from 10 to 3600000'],
  ['options.talkerLimit', { talkerLimit: 0 }, 'an integer from 1 to 16384'],
  ['options.networkNamespace', { networkNamespace: 1.5 }, 'the name, the path or the process'],
  ['options.interface', { networkNamespace: 'all', interface: 'lo' }, 'no interface'],
  ['options.headerBytes', { headerBytes: 257 }, 'an integer from 0 to 256'],
  ['options.queueLimit', { queueLimit: 0 }, 'an integer from 1 to'],
  ['options.ringBytes', { ringBytes: 4095 }, 'an integer from 4096 to'],
  ['options.signal', { signal: {} }, 'an AbortSignal'],
  ['options', { interfce: 'lo' }, 'only interface, networkNamespace'],
  ['options', { etherType: Array.from({ length: 4097 }, (_, i) => i) }, 'at most 4096'],
];

it.each(BAD)('refuses a bad %s: %j', (argument, options, expected) => {
  const unchecked: WatchOptions = options;
  expect(() => plan(unchecked)).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      argument,
      message: expect.stringContaining(`Expected ${expected}`),
    }),
  );
});

it.each(['BAD_LUCK', 'NOT_DROPPED_YET', '0', '4294967296', ''])(
  'refuses %s, which is no reason of this kernel, and says where they are',
  async (reason) => {
    await expect(watchDrops({ reason })).rejects.toMatchObject({
      argument: 'options.reason',
      message: expect.stringMatching(
        `^Expected a drop reason of this kernel for options.reason but received "${reason}"\\. It has \\d+: bpftool btf dump`,
      ),
    });
  },
);

it('suggests the reason that may have been meant', async () => {
  await expect(watchDrops({ reason: 'UNHANDLED_PROTOCOL' })).rejects.toMatchObject({
    mend: expect.stringMatching(/^Did you mean UNHANDLED_PROTO\? It has /),
  });
});

it('takes a reason in any case, with or without its prefix, or by its number', async () => {
  for (const reason of ['unhandled_proto', 'Skb_Drop_Reason_Unhandled_Proto', '4294967295']) {
    await (await watchDrops({ reason })).close();
  }
});

/** As watchDrops() has it. */
function plan(options: WatchOptions) {
  using namespace = new HeldNamespace(namespaceToWatch(options), 'options.networkNamespace');
  return planWatch(options, namespace);
}
