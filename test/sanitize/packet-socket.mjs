import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { it } from 'node:test';
import {
  addon,
  callWithOddValues,
  collectGarbage,
  countDescriptors,
  detached,
  FRAME,
  LO,
  run,
} from './support/addon.mjs';

const { openPacketSocket } = addon;

// A link that lets next to nothing out, so that a send buffer fills.
run('ip', 'link set lo up', 'link add slow type veth peer name end', 'link set slow up');
run('ip', 'link set end up');
run('tc', 'qdisc add dev slow root tbf rate 8mbit burst 2kb latency 60s');
const SLOW = addon.interfaceIndex('slow');

function fillSendBuffer(socket) {
  socket.bind(SLOW);
  const fill = () => {
    while (true) socket.send(FRAME);
  };
  assert.throws(fill, { syscall: 'send', errno: constants.errno.EAGAIN });
}

function openSocketOnLo() {
  const socket = openPacketSocket();
  socket.bind(LO);
  return socket;
}

/** Three frames of 60 bytes behind 4 bytes of something else. */
function window() {
  const packed = new Uint8Array(4 + 3 * FRAME.length);
  for (let i = 0; i < 3; i += 1) packed.set(FRAME, 4 + i * FRAME.length);
  return { packed, lengths: new Uint32Array(3).fill(FRAME.length) };
}

it('sends one frame, and many', () => {
  const socket = openSocketOnLo();
  const { packed, lengths } = window();
  socket.send(FRAME);
  socket.send(FRAME, 60);
  assert.equal(socket.sendAll(packed, 4, lengths, 0), 3);
  assert.equal(socket.sendAll(packed, 4 + FRAME.length, lengths, 1), 2);
  assert.equal(socket.sendAll(packed, packed.length, lengths, 3), 0);
  const long = new Uint32Array(1000).fill(FRAME.length);
  assert.equal(socket.sendAll(new Uint8Array(60_000), 0, long, 0), 256);
  socket.close();
});

it('sends while no link changes', () => {
  const socket = openSocketOnLo();
  assert.equal(socket.sendIfUnchanged(FRAME), false);
  assert.equal(socket.sendIfUnchanged(FRAME), false);
  socket.bind(LO);
  assert.equal(socket.sendIfUnchanged(FRAME), true);
  assert.equal(socket.sendIfUnchanged(FRAME, 60), true);
  run('ip', 'link set lo mtu 65535');
  assert.equal(socket.sendIfUnchanged(FRAME), false);
  assert.equal(socket.sendIfUnchanged(FRAME), false);
  socket.bind(LO);
  assert.equal(socket.sendIfUnchanged(FRAME), true);
  assert.throws(() => socket.sendIfUnchanged(FRAME, 0), { syscall: 'send' });
  socket.close();
});

it('tells what the kernel refuses', () => {
  const socket = openSocketOnLo();
  const long = new Uint8Array(100_000);
  const { packed } = window();
  const refused = { syscall: 'send' };
  assert.throws(() => socket.send(FRAME, 0), refused);
  assert.throws(() => socket.send(long, long.length), refused);
  assert.throws(() => socket.bind(2 ** 31 - 1), { syscall: 'bind' });
  assert.throws(() => socket.sendAll(packed, 0, new Uint32Array(1), 0), {
    syscall: 'sendmmsg',
  });
  socket.close();
});

it('refuses frames that reach beyond their buffer', () => {
  const socket = openSocketOnLo();
  const { packed, lengths } = window();
  const most = Uint32Array.of(FRAME.length, 2 ** 32 - 1);
  assert.throws(() => socket.send(FRAME, FRAME.length + 1), RangeError);
  assert.throws(() => socket.sendAll(packed, 5, lengths, 0), RangeError);
  assert.throws(() => socket.sendAll(packed, packed.length + 1, lengths, 0), RangeError);
  assert.throws(() => socket.sendAll(packed, 4, lengths, 4), RangeError);
  assert.throws(() => socket.sendAll(packed, 4, most, 0), RangeError);
  const gone = detached(new Uint8Array(60));
  assert.throws(() => socket.send(gone, 60), RangeError);
  assert.throws(() => socket.sendAll(gone, 0, lengths, 0), RangeError);
  assert.equal(socket.sendAll(packed, 0, detached(new Uint32Array(3)), 0), 0);
  socket.close();
});

it('refuses bad arguments, and everything after close', () => {
  const socket = openSocketOnLo();
  const { packed, lengths } = window();
  callWithOddValues((...args) => socket.send(...args), [FRAME, FRAME.length]);
  callWithOddValues((...args) => socket.sendIfUnchanged(...args), [FRAME, FRAME.length]);
  callWithOddValues((...args) => socket.bind(...args), [LO]);
  socket.bind(LO);
  callWithOddValues((...args) => socket.sendAll(...args), [packed, 4, lengths, 0]);
  callWithOddValues((...args) => socket.onceWritable(...args), [() => {}]);
  socket.close();
  socket.close();
  assert.throws(() => socket.bind(LO), /closed/);
  assert.throws(() => socket.send(FRAME), /closed/);
  assert.throws(() => socket.sendIfUnchanged(FRAME), /closed/);
  assert.throws(() => socket.sendAll(packed, 4, lengths, 0), /closed/);
  assert.throws(() => socket.onceWritable(() => {}), /closed/);
});

it('calls back once when there is room, also when only that holds it', async () => {
  let calls = 0;
  await new Promise((resolve) => {
    const socket = openSocketOnLo();
    fillSendBuffer(socket);
    socket.onceWritable(() => {
      calls += 1;
    });
    socket.onceWritable(resolve);
    globalThis.gc();
  });
  await collectGarbage();
  assert.equal(calls, 1);
});

it('drops callbacks that still wait when it is closed', async () => {
  const socket = openSocketOnLo();
  fillSendBuffer(socket);
  await new Promise((resolve) => {
    socket.onceWritable(() => {
      socket.close();
      resolve();
    });
    socket.onceWritable(assert.fail);
  });
  const other = openPacketSocket();
  other.onceWritable(assert.fail);
  other.close();
  await collectGarbage();
});

it('may be asked for room from a callback', async () => {
  const socket = openSocketOnLo();
  await new Promise((resolve) => {
    socket.onceWritable(() => socket.onceWritable(resolve));
  });
  socket.close();
});

it('leaves no descriptor after 200 cycles, closed or collected', async () => {
  const before = countDescriptors();
  // In a function, so that nothing on the stack holds the last one.
  (() => {
    for (let i = 0; i < 200; i += 1) {
      const socket = openSocketOnLo();
      socket.send(FRAME);
      socket.sendIfUnchanged(FRAME);
      if (i % 3 === 0) socket.onceWritable(() => {});
      if (i % 2 === 0) socket.close();
    }
  })();
  await collectGarbage();
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});
