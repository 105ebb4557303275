import { expect, it, vi } from 'vitest';
import { openTaps, TapLog } from '../../lib/link/taps.ts';
import { netnsOf, openNamespace } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  release: () => '6.12.1',
}));

it('lists the taps of other network namespaces that are bound to no interface', async () => {
  await using peer = await openNamespace();
  await using python = await holdPython(
    [
      'import socket',
      'open = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300) for i in range(2)]',
      'open[1].bind(("lo", 3))',
    ],
    ['nsenter', '--net', '-t', String(peer.pid), '--'],
  );
  const found = { netns: peer.netns, processes: [{ pid: python.pid, name: 'python3' }] };
  expect(openTaps()).toContainEqual({ hides: { lo: 'untagged' }, ...found });
  expect(openTaps().filter(({ netns }) => netns === peer.netns)).toHaveLength(1);
});

it('looks for them at each whole look, and not each time that it looks for new taps here', async () => {
  await using peer = await openNamespace();
  const open = 'tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)';
  const log = new TapLog(undefined, []);
  log.look();
  const where = () =>
    log.taps.map(({ netns }) => netns).filter((n) => [here, peer.netns].includes(n));
  const here = netnsOf();
  await using _ = await holdPython(
    ['import socket', open],
    ['nsenter', '--net', '-t', String(peer.pid), '--'],
  );
  await using __ = await holdPython(['import socket', open]);
  log.lookForNew();
  expect(where()).toEqual([here]);
  log.look();
  expect(where()).toEqual([here, peer.netns]);
});
