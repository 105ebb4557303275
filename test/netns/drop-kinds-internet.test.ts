import { beforeAll } from 'vitest';
import { injectFrame } from '../../lib/index.ts';
import { testDropKinds } from '../support/drop-kind.ts';
import { vethScene } from '../support/drop-scene.ts';
import { ipv4Frame, STRANGER, udpDatagram, unknownFrame } from '../support/frames.ts';
import { ip } from '../support/namespace.ts';
import { holdPython } from '../support/python.ts';
import { setNamespaceSysctl } from '../support/sysctl.ts';

/** The address of `b`. No other has a route, so nothing is answered to who sends. */
const HERE = '192.0.2.1';

beforeAll(async () => {
  await vethScene();
  ip('address', 'add', `${HERE}/32`, 'dev', 'b');
  for (const scope of ['all', 'b']) {
    setNamespaceSysctl(`ipv4/conf/${scope}/forwarding`, 0);
    setNamespaceSysctl(`ipv4/conf/${scope}/rp_filter`, 0);
  }
});

testDropKinds([
  {
    what: 'IPv4 to another MAC address',
    on: 'a',
    frame: ipv4Frame({ destination: HERE }, { destination: STRANGER }),
    drops: [['b', 'OTHERHOST', 'ip_rcv_core', 'rx_otherhost_dropped']],
  },
  {
    what: 'IPv4 in a VLAN without device',
    on: 'a',
    frame: ipv4Frame({ destination: HERE }, { vlan: { id: 99 } }),
    drops: [['b', 'OTHERHOST', 'ip_rcv_core', 'rx_otherhost_dropped']],
  },
  {
    what: 'a wrong IPv4 checksum',
    on: 'a',
    frame: ipv4Frame({ destination: HERE, checksumError: 1 }),
    drops: [['b', 'IP_CSUM', 'ip_rcv_core']],
  },
  {
    what: 'another IP version in an IPv4 frame',
    on: 'a',
    frame: ipv4Frame({ destination: HERE, version: 5 }),
    drops: [['b', 'IP_INHDR', 'ip_rcv_core']],
  },
  {
    what: 'UDP to a port without socket',
    on: 'a',
    frame: ipv4Frame({ destination: HERE, payload: udpDatagram(9) }),
    drops: [['b', 'NO_SOCKET', '__udp4_lib_rcv']],
  },
  {
    what: 'UDP to a socket whose receive buffer is full',
    async arrange() {
      const socket = await holdPython([
        'import socket',
        's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
        's.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)',
        `s.bind(("${HERE}", 4321))`,
      ]);
      const frame = ipv4Frame({ destination: HERE, payload: udpDatagram(4321) });
      for (let i = 0; i < 20; i++) await injectFrame('a', frame);
      return () => socket[Symbol.asyncDispose]();
    },
    on: 'a',
    frame: ipv4Frame({ destination: HERE, payload: udpDatagram(4321) }),
    drops: [['b', 'SOCKET_RCVBUFF', 'udp_queue_rcv_one_skb']],
  },
  {
    what: 'IPv4 to an address that is not here',
    on: 'a',
    frame: ipv4Frame({ destination: '203.0.113.1' }),
    drops: [['b', 'IP_INADDRERRORS', 'ip_error']],
  },
  {
    what: 'a loopback address from outside',
    on: 'a',
    frame: ipv4Frame({ destination: '127.0.0.1' }),
    drops: [['b', 'IP_LOCALNET', 'ip_rcv_finish_core']],
  },
  {
    what: 'an IP protocol that nobody handles',
    on: 'a',
    frame: ipv4Frame({ destination: HERE, protocol: 253 }),
    drops: [['b', 'IP_NOPROTO', 'ip_local_deliver_finish']],
  },
  {
    what: 'a source that is not reached by where it came from',
    arrange: () => setNamespaceSysctl('ipv4/conf/b/rp_filter', 1),
    on: 'a',
    frame: ipv4Frame({ destination: HERE, payload: udpDatagram(9) }),
    drops: [['b', 'IP_RPFILTER', 'ip_rcv_finish_core']],
  },
  {
    what: 'IPv6 where it is disabled',
    arrange: () => setNamespaceSysctl('ipv6/conf/b/disable_ipv6', 1),
    on: 'a',
    frame: unknownFrame({ etherType: 0x86dd }),
    drops: [['b', 'IPV6DISABLED', 'ip6_rcv_core']],
  },
]);
