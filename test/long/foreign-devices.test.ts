import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { injectFrame, watchDrops } from '../../lib/index.ts';
import { vethScene } from '../support/drop-scene.ts';
import { unknownFrame } from '../support/frames.ts';
import { openNamespace } from '../support/namespace.ts';

/** With both ends of a pair, more than the program knows of devices. */
const PAIRS = 1200;

it('keeps what the watch is about, however many devices of another namespace drop', async () => {
  await vethScene();
  await using other = await openNamespace();
  // Without IPv6 they are made three times as fast.
  await other.exec('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6']);
  const links = Array.from({ length: PAIRS }, (_, i) => `x${i}`);
  const batch = links.flatMap((name) => [
    `link add ${name} type veth peer name ${name}p`,
    `link set ${name} up`,
    `link set ${name}p up`,
  ]);
  execFileSync('nsenter', ['--net', '-t', String(other.pid), '--', 'ip', '-batch', '-'], {
    input: batch.join('\n'),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  for (const options of [{ interface: 'b' }, { networkNamespace: 'all' }] as const) {
    await using watch = await watchDrops(options);
    await injectFrame('a', unknownFrame());
    await other.exec('python3', [
      '-c',
      [
        'import os, socket',
        'frame = bytes.fromhex("ffffffffffff00005e0053014321").ljust(60, b"\\0")',
        `for i in range(${PAIRS}):`,
        '  for end in "", "p":',
        '    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
        '    s.bind((f"x{i}{end}", 0))',
        '    for _ in range(2): s.send(frame)',
        '    s.close()',
      ].join('\n'),
    ]);
    await injectFrame('a', unknownFrame());
    const { rows } = await watch.ledger();
    const row = rows.find(
      ({ interface: name, counter }) => name === 'b' && counter === 'rx_dropped',
    );
    expect(row).toMatchObject({ counted: 2n, attributed: 2n, lost: 0n, unattributed: 0n });
    expect(watch.lost.kernel).toBe(0);
  }
}, 120_000);
