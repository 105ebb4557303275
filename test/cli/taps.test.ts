import { beforeAll, expect, it } from 'vitest';
import { tapsOn, tapText } from '../../lib/cli/tap-text.ts';
import { openInjector } from '../../lib/index.ts';
import { openTaps, parseTaps } from '../../lib/link/taps.ts';
import { ip, linkUp, vethPair } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';

beforeAll(() => linkUp('lo'));

it('reads those sockets of /proc/net/packet that take every protocol and run', () => {
  const table = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000000000000 3      3    0003   2     1 0      0      14803 
0000000000000000 3      3    0003   0     1 0      0      14804 
0000000000000000 3      2    0003   2     1 768    1000   14805 
0000000000000000 3      3    0003   7     0 0      0      14806 
0000000000000000 3      3    88cc   8     1 0      0      14807 
0000000000000000 3      3    0000   9     0 0      0      14808 
`;
  expect(parseTaps(table)).toEqual([2, 0]);
  expect(parseTaps('')).toEqual([]);
});

it('finds what is open here, by the name of its interface', async () => {
  vethPair('va', 'vb');
  linkUp('va');
  using _ = openInjector('va');
  expect(openTaps()).toEqual([]);
  await using _tap = await holdPython([
    'import socket',
    'taps = [socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x300) for i in range(3)]',
    'taps[0].bind(("lo", 3))',
    'taps[1].bind(("va", 3))',
    'taps[2].bind(("va", 0x4321))',
  ]);
  expect(new Set(openTaps().map((tap) => tap.interface))).toEqual(new Set(['lo', 'va']));
  ip('link', 'del', 'dev', 'va');
  expect(openTaps()).toEqual([{ interface: 'lo' }]);
});

it('knows which of them hide drops from whom', () => {
  const taps = [{ interface: 'a' }, { interface: 'b' }];
  expect(tapsOn(['b', 'c'], taps)).toEqual([{ interface: 'b' }]);
  expect(tapsOn([], taps)).toEqual(taps);
  expect(tapsOn(['c'], [{}, ...taps])).toEqual([{}]);
});

it('says where they are', () => {
  expect(tapText([{ interface: 'a' }, { interface: 'b\u001b' }])).toContain('on a, b\\x1b: ');
  expect(tapText([{ interface: 'a' }, {}])).toContain('on all interfaces: ');
});
