import { beforeAll, expect, it } from 'vitest';
import { hidesDrops, tapText } from '../../lib/cli/tap-text.ts';
import { openInjector } from '../../lib/index.ts';
import { openTaps } from '../../lib/link/taps.ts';
import { ip, linkUp, netnsOf, vethPair } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';

beforeAll(() => linkUp('lo'));

it('finds what is open here, by the name of its interface, and whose it is', async () => {
  vethPair('va', 'vb');
  linkUp('va');
  using _ = openInjector('va');
  expect(openTaps()).toEqual([]);
  await using python = await holdPython([
    'import socket',
    'taps = [socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x300) for i in range(3)]',
    'taps[0].bind(("lo", 3))',
    'taps[1].bind(("va", 3))',
    'taps[2].bind(("va", 0x4321))',
  ]);
  const found = { netns: netnsOf(), processes: [{ pid: python.pid, name: 'python3' }] };
  const lo = { interface: 'lo', hides: { lo: 'untagged' }, ...found };
  expect(openTaps()).toEqual(
    expect.arrayContaining([
      lo,
      { interface: 'va', hides: { va: 'untagged' }, ...found },
      { interface: 'va', etherType: 0x4321, hides: { va: 'any' }, ...found },
    ]),
  );
  ip('link', 'del', 'dev', 'va');
  expect(openTaps()).toEqual([lo]);
});

const OF_NOBODY = { netns: 1, processes: [] };

it('knows which of them hide drops', () => {
  expect(hidesDrops({ hides: { a: 'none', b: 'untagged' }, ...OF_NOBODY })).toBe(true);
  expect(hidesDrops({ hides: { a: 'none' }, ...OF_NOBODY })).toBe(false);
});

it('says where they are, of what, and whose', () => {
  const processes = [{ pid: 7, name: 'tcp\u001bdump' }];
  const name = 'b\u001b';
  expect(tapText([{ interface: name, hides: { [name]: 'untagged' }, netns: 1, processes }])).toBe(
    'A tap is open on b\\x1b (tcp\\x1bdump, process 7): frames without a VLAN tag that nothing else ' +
      'takes are neither dropped nor counted there.\n',
  );
  expect(tapText([{ etherType: 0x88cc, hides: { a: 'any', b: 'none' }, ...OF_NOBODY }])).toBe(
    'A tap is open on all interfaces (a process that is hidden here): frames of EtherType 0x88cc ' +
      'that nothing else takes are neither dropped nor counted on a; it hides no drop on b.\n',
  );
  expect(
    tapText([{ interface: 'b', etherType: 0x0004, hides: { up: 'any' }, ...OF_NOBODY }]),
  ).toMatch(/: IEEE 802.3 frames with an LLC header that nothing else takes are .* on up\.\n$/);
  expect(tapText([{ interface: 'b', hides: { b: 'none' }, ...OF_NOBODY }])).toContain(
    'it hides no drop there.',
  );
  const many = Object.fromEntries(
    Array.from({ length: 10 }, (_, at) => [`p${at}`, 'any' as const]),
  );
  expect(tapText([{ etherType: 1, hides: many, ...OF_NOBODY }])).toMatch(
    /: raw IEEE 802\.3 frames that .* on p0, .*, p7 and 2 more\.\n$/,
  );
});
