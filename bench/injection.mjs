import { injectFrame, openInjector } from '../dist/index.js';
import { interleaved, medianOf, medianRatio, TARGET_HEADS, targetCells, unit } from './harness.mjs';
import { mustBeEqual, received, vethPair } from './network.mjs';

/** Of 60 bytes; the receiver drops it. */
const FRAME = {
  source: '02:00:00:00:00:0a',
  destination: '02:00:00:00:00:0b',
  etherType: 0x4321,
};
const BYTES = new Uint8Array(60);
BYTES.set([2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x43, 0x21]);

/** Frames a second over a veth pair, counted at the receiver, against loops in C. */
export async function measure({ rounds, scale, peers }) {
  const count = 200_000 * scale;
  const frames = Array(count).fill(BYTES);
  vethPair('sender', 'receiver');
  const injector = openInjector('sender');

  const here = (send) => () => counted(count, () => timed(send));
  const inC = (peer) => () => counted(count, () => peers.runBlocking(peer, 'sender', count));
  const results = await interleaved(rounds, {
    cSend: inC('send_loop'),
    send: here(() => {
      for (let i = 0; i < count; i++) injector.send(BYTES);
    }),
    injectFrame: here(async () => {
      for (let i = 0; i < count; i++) await injectFrame('sender', FRAME);
    }),
    cSendmmsg: inC('sendmmsg_loop'),
    sendAll: here(() => injector.sendAll(frames)),
  });
  injector.close();

  const row = (what, name, peer, ...targets) => {
    const cpu = medianOf(results[name], ({ cpuSeconds }) => cpuSeconds / count);
    const speed = (result) => count / result.seconds;
    const ratio = medianRatio(results[name], results[peer], speed);
    const cells =
      targets.length > 0 ? targetCells(ratio, ...targets, unit('', 2)) : ['', '', '', ''];
    return [what, unit('')(medianOf(results[name], speed)), unit(' ns', 0, 1e9)(cpu), ...cells];
  };
  return {
    title: `Injection: ${count} frames of 60 bytes a round, veth, counted at the receiver`,
    heads: ['', 'frames/s', 'CPU a frame', `of C, ${TARGET_HEADS[0]}`, ...TARGET_HEADS.slice(1)],
    rows: [
      row('C: send() each', 'cSend', 'cSend'),
      row('injector.send(Uint8Array)', 'send', 'cSend', 0.85, 0.97),
      row('await injectFrame(name, object)', 'injectFrame', 'cSend', 0.55, 0.75),
      row('C: sendmmsg(256)', 'cSendmmsg', 'cSendmmsg'),
      row('injector.sendAll(frames)', 'sendAll', 'cSendmmsg', 0.85, 1),
    ],
  };
}

async function counted(count, send) {
  const before = received('receiver').packets;
  const result = await send();
  mustBeEqual('Frames that arrived', received('receiver').packets - before, count);
  return result;
}

async function timed(send) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await send();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}
