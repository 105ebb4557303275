import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { injectFrame, openInjector } from '../../lib/index.ts';
import { testDropKinds } from '../support/drop-kind.ts';
import { observe, vethScene } from '../support/drop-scene.ts';
import { ipv4Frame, STRANGER, UNKNOWN_TYPE, unknownFrame } from '../support/frames.ts';
import { holdPython } from '../support/python.ts';
import { startChild } from '../support/start-child.ts';
import { waitFor } from '../support/wait-for.ts';

const ETH_P_ALL = 3;

beforeAll(vethScene);

it('sees no drop and no counter move while tcpdump listens', async () => {
  await using tcpdump = await startTcpdump();
  expect(protocolsOfPacketSockets()).toContain(ETH_P_ALL);
  const { all, moved } = await observe(() => sendTen());
  expect({ all, moved }).toEqual({ all: [], moved: {} });
  expect(await tcpdump.end()).toContain('10 packets captured');
});

it('sees what the protocols drop while tcpdump listens', async () => {
  await using _ = await startTcpdump();
  const frame = ipv4Frame({ destination: '192.0.2.1' }, { destination: STRANGER });
  const { counted, moved } = await observe(() => sendTen(frame));
  expect(counted.map(({ reason }) => reason)).toEqual(Array(10).fill('OTHERHOST'));
  expect(moved).toEqual({ b: { rx_otherhost_dropped: 10 } });
});

it('sees the drops again when tcpdump is gone', async () => {
  const { all, moved } = await observe(() => sendTen());
  expect(all).toHaveLength(10);
  expect(moved).toEqual({ b: { rx_dropped: 10 } });
});

it('sees no drop and no counter move while a socket takes the EtherType', async () => {
  await using _ = await holdPython(packetSocket(UNKNOWN_TYPE));
  const { all, moved } = await observe(() => sendTen());
  expect({ all, moved }).toEqual({ all: [], moved: {} });
});

it('hides no drop by an injector that is open on either end', async () => {
  using sender = openInjector('a');
  using receiver = openInjector('b');
  const { all, counted, moved } = await observe(() => {
    for (let i = 0; i < 5; i++) sender.send(unknownFrame());
    for (let i = 0; i < 5; i++) receiver.send(unknownFrame());
  });
  expect(protocolsOfPacketSockets().every((protocol) => protocol === 0)).toBe(true);
  expect([all.length, counted.length]).toEqual([10, 10]);
  expect(moved).toEqual({ a: { rx_dropped: 5 }, b: { rx_dropped: 5 } });
});

describe('a tap', () => {
  testDropKinds([
    {
      what: 'a frame that it has no room for',
      async arrange() {
        const tap = await holdPython(packetSocket(ETH_P_ALL, 1));
        await sendTen();
        return () => tap[Symbol.asyncDispose]();
      },
      on: 'a',
      frame: unknownFrame(),
      drops: [['b', 'PACKET_SOCK_ERROR', 'packet_rcv']],
    },
  ]);
});

async function sendTen(frame = unknownFrame()): Promise<void> {
  for (let i = 0; i < 10; i++) await injectFrame('a', frame);
}

/** Has tcpdump listen on `b`. Its end gives what it says of it. */
async function startTcpdump(): Promise<AsyncDisposable & { end(): Promise<string> }> {
  const options = ['--immediate-mode', '-Z', 'root'];
  const tcpdump = startChild('tcpdump', [...options, '-n', '-i', 'b', '-w', '/dev/null']);
  let said = '';
  tcpdump.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const closed = once(tcpdump, 'close');
  await waitFor('tcpdump to listen', () => {
    if (tcpdump.exitCode !== null) throw new Error(`tcpdump ended: ${said}`);
    return said.includes('listening on');
  });
  const end = async () => {
    tcpdump.kill('SIGINT');
    await closed;
    return said;
  };
  return { end, [Symbol.asyncDispose]: async () => void (await end()) };
}

/** Opens a socket that takes a protocol's frames from `b`, and never reads. */
function packetSocket(protocol: number, receiveBuffer = 2 ** 20): string[] {
  return [
    'import socket',
    's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
    `s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ${receiveBuffer})`,
    `s.bind(("b", ${protocol}))`,
  ];
}

/** The fourth column of packet(7)'s /proc/net/packet, of every packet socket in this namespace. */
function protocolsOfPacketSockets(): number[] {
  const [, ...rows] = readFileSync('/proc/net/packet', 'utf8').trim().split('\n');
  return rows.map((row) => Number.parseInt(row.trim().split(/\s+/)[3] ?? '', 16));
}
