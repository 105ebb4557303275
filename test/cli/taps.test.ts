import { beforeAll, expect, it } from 'vitest';
import { tapsOn, tapText } from '../../lib/cli/tap-text.ts';
import { openInjector } from '../../lib/index.ts';
import { openTaps } from '../../lib/link/taps.ts';
import { ip, linkUp, vethPair } from '../support/namespace.ts';
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
  const processes = [{ pid: python.pid, name: 'python3' }];
  expect(openTaps()).toEqual(
    expect.arrayContaining([
      { interface: 'lo', processes },
      { interface: 'va', processes },
      { interface: 'va', etherType: 0x4321, processes },
    ]),
  );
  ip('link', 'del', 'dev', 'va');
  expect(openTaps()).toEqual([{ interface: 'lo', processes }]);
});

const OF_NOBODY = { processes: [] };

it('knows which of them hide drops from whom', () => {
  const taps = [
    { interface: 'a', ...OF_NOBODY },
    { interface: 'b', ...OF_NOBODY },
  ];
  expect(tapsOn(['b', 'c'], taps)).toEqual([taps[1]]);
  expect(tapsOn([], taps)).toEqual(taps);
  expect(tapsOn(['c'], [OF_NOBODY, ...taps])).toEqual([OF_NOBODY]);
});

it('says where they are, of what, and whose', () => {
  const processes = [{ pid: 7, name: 'tcp\u001bdump' }];
  expect(tapText([{ interface: 'b\u001b', processes }])).toContain(
    'open on b\\x1b (tcp\\x1bdump, process 7): the kernel drops and counts no frame of unknown',
  );
  expect(tapText([{ etherType: 0x88cc, processes: [] }])).toContain(
    'on all interfaces (of a process that is hidden here): the kernel drops and counts no frame of 0x88cc',
  );
});
