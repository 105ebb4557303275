import { expect, it, vi } from 'vitest';
import { openTaps } from '../../lib/link/taps.ts';
import { openNamespace } from '../support/namespace.ts';
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
