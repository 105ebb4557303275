import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addon, callWithOddValues, collectGarbage, countDescriptors } from './support/addon.mjs';

const NETLINK_ROUTE = 0;
const SOCK_DIAG = 4;

/** A dump of packet sockets: of which there are none. */
function request() {
  const bytes = Buffer.alloc(36);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(20, 4);
  bytes.writeUInt16LE(0x301, 6);
  bytes[16] = 17;
  return bytes;
}

it('sends and receives', () => {
  const socket = new addon.NetlinkSocket(SOCK_DIAG);
  assert.equal(socket.receive(), undefined);
  socket.send(request());
  // NLMSG_DONE
  assert.equal(socket.receive()[4], 3);
  assert.equal(socket.lost(), 0);
  socket.setReceiveBuffer(65_536);
  socket.close();
});

it('calls back when there is something to receive', async () => {
  const socket = new addon.NetlinkSocket(SOCK_DIAG);
  const called = new Promise((resolve) => {
    socket.onReadable(() => {
      socket.close();
      resolve();
    });
  });
  assert.throws(() => socket.onReadable(() => {}), /listener/);
  socket.unref();
  socket.ref();
  socket.send(request());
  await called;
  assert.throws(() => socket.receive(), /closed/);
});

it('refuses bad arguments', () => {
  const socket = new addon.NetlinkSocket(NETLINK_ROUTE, '/proc/self/ns/net');
  callWithOddValues((bytes) => socket.send(bytes), [request()]);
  callWithOddValues((group) => socket.join(group), [1]);
  callWithOddValues((bytes) => socket.setReceiveBuffer(bytes), [4096]);
  socket.close();
  callWithOddValues((...args) => new addon.NetlinkSocket(...args).close(), [SOCK_DIAG]);
  assert.throws(() => new addon.NetlinkSocket(31), { syscall: 'socket' });
  for (const method of ['send', 'receive', 'lost', 'join', 'setReceiveBuffer', 'onReadable']) {
    assert.throws(() => socket[method](1), Error);
  }
});

it('leaves no descriptor, closed or forgotten', async () => {
  await collectGarbage();
  const before = countDescriptors();
  for (let i = 0; i < 50; i += 1) {
    new addon.NetlinkSocket(SOCK_DIAG);
    const socket = new addon.NetlinkSocket(SOCK_DIAG);
    socket.onReadable(() => {});
    socket.close();
    socket.close();
  }
  await collectGarbage();
  assert.equal(countDescriptors(), before);
});
