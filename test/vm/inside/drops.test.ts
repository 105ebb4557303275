import { once } from 'node:events';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { type DropEvent, injectFrame, watchDrops } from '../../../dist/index.js';
import {
  addVeth,
  FRAME,
  HAS_EBPF,
  MODULE,
  nothingLoaded,
  TO_VETH,
  take,
  watch,
  watchInAnotherProcess,
} from './support.ts';

beforeAll(() => addVeth('va', 'vb'));
afterEach(nothingLoaded);

it.skipIf(!HAS_EBPF)('sees what eBPF sees, event by event', async () => {
  await using drops = await watch();
  await using byEbpf = await watchDrops({ probe: 'ebpf' });
  for (let i = 0; i < 3; i += 1) await injectFrame('lo', FRAME);
  await injectFrame('va', TO_VETH);
  await injectFrame('va', { ...TO_VETH, vlan: { id: 99, priority: 3 } });
  const [seen, expected] = [await take(drops, 5), await take(byEbpf, 5)];
  expect(seen.map(comparable)).toEqual(expected.map(comparable));
});

it('lets pass what the filters let pass', async () => {
  await using drops = await watch({
    interface: ['lo', 'vb'],
    source: ['00:00:5e:00:53:01', '00:00:5e:00:53:02'],
    destination: TO_VETH.destination,
    etherType: [0x4321, 0x4322],
    headerBytes: 20,
  });
  await injectFrame('lo', FRAME);
  await injectFrame('va', TO_VETH);
  await injectFrame('va', { ...TO_VETH, source: '00:00:5e:00:53:01', etherType: 0x4323 });
  await injectFrame('va', { ...TO_VETH, source: '00:00:5e:00:53:02', etherType: 0x4322 });
  await injectFrame('lo', { ...TO_VETH, source: '00:00:5e:00:53:01' });
  const seen = await take(drops, 2);
  expect(seen.map((drop) => [drop.interface, drop.source, drop.etherType])).toEqual([
    ['vb', '00:00:5e:00:53:02', 0x4322],
    ['lo', '00:00:5e:00:53:01', 0x4321],
  ]);
  expect(seen[0]?.header).toHaveLength(20);
});

it('keeps no bytes of a frame where none are wanted, and all that it can', async () => {
  const headers = [];
  for (const headerBytes of [0, 256]) {
    await using drops = await watch({ headerBytes });
    await injectFrame('lo', { ...FRAME, payload: new Uint8Array(400).fill(0xa5) });
    const [drop] = await take(drops, 1);
    headers.push(drop?.header.length, drop?.length, drop?.header.at(-1));
  }
  expect(headers).toEqual([0, 414, undefined, 256, 414, 0xa5]);
});

it('runs where there is no compiler, no headers and no debug information', async () => {
  // The child's own view: what is missing there is only hidden from it.
  const hide = `
    for folder in /usr/src /usr/lib/debug /usr/share/systemtap /usr/lib/gcc; do
      mount -t tmpfs none $folder
    done
    for file in "$(readlink -f /usr/bin/gcc)" /usr/bin/stap; do mount --bind /dev/null $file; done
    ! stap --version && ! gcc --version && exec "$@"`;
  const child = await watchInAnotherProcess(
    `for await (const { interface: name } of drops) { console.log(name); break; }
     await drops.close();`,
    ['unshare', '--mount', 'sh', '-c', hide, 'sh'],
  );
  await injectFrame('lo', FRAME);
  const [line] = await once(child.stdout ?? child, 'data');
  expect(String(line)).toBe('lo\n');
  expect(MODULE).not.toBe('');
});

/** What both probes must agree on. */
function comparable(drop: DropEvent): object {
  const { interface: name, ifindex, netns, source, destination, etherType, vlan, length } = drop;
  const { counter, header } = drop;
  const bytes = Buffer.from(header).toString('hex');
  return { name, ifindex, netns, source, destination, etherType, vlan, length, counter, bytes };
}
