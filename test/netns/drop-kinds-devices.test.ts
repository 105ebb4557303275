import { beforeAll, describe } from 'vitest';
import { testDropKinds } from '../support/drop-kind.ts';
import { vethScene } from '../support/drop-scene.ts';
import { BROADCAST, llcFrame, STRANGER, unknownFrame } from '../support/frames.ts';
import { addLink, carrier } from '../support/links.ts';
import { ip, linkUp } from '../support/namespace.ts';

beforeAll(vethScene);

describe('LLC', () => {
  testDropKinds([
    {
      what: 'a spanning tree frame where there is no bridge',
      on: 'a',
      frame: llcFrame('01:80:c2:00:00:00', [0x42, 0x42, 0x03]),
      drops: [['b', 'NOT_SPECIFIED', 'stp_pdu_rcv']],
    },
    {
      what: 'CDP',
      on: 'a',
      frame: llcFrame('01:00:0c:cc:cc:cc', [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00]),
      drops: [['b', 'NOT_SPECIFIED', 'snap_rcv']],
    },
  ]);
});

describe('veth', () => {
  testDropKinds([
    {
      what: 'a frame longer than the MTU of the peer, on the peer, whose counter it moved',
      arrange() {
        ip('link', 'set', 'dev', 'b', 'mtu', '1000');
        return () => ip('link', 'set', 'dev', 'b', 'mtu', '1500');
      },
      on: 'a',
      frame: unknownFrame({ payload: new Uint8Array(1400) }),
      refused: true,
      drops: [['b', 'NOT_SPECIFIED', '__dev_forward_skb2', 'rx_dropped']],
      moves: { a: { tx_dropped: 1 }, b: { rx_dropped: 1 } },
      unattributed: { 'a tx_dropped': 'peer' },
    },
    {
      what: 'a frame to a peer that is down',
      async arrange() {
        ip('link', 'set', 'dev', 'b', 'down');
        await carrier('a', 'LOWERLAYERDOWN');
        return async () => {
          linkUp('b');
          await carrier('a');
        };
      },
      on: 'a',
      frame: unknownFrame(),
      drops: [['a', 'QDISC_DROP', '__dev_queue_xmit', 'tx_dropped']],
    },
  ]);
});

describe('macvlan', () => {
  const MACVLAN = '00:00:5e:00:53:0c';

  beforeAll(() => {
    addLink('mv', 'macvlan', { link: 'b', address: MACVLAN });
    linkUp('mv');
    return () => ip('link', 'delete', 'dev', 'mv');
  });

  testDropKinds([
    {
      what: 'a frame to its address',
      on: 'a',
      frame: unknownFrame({ destination: MACVLAN }),
      drops: [['mv', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
    },
    {
      what: 'a frame to all, on both',
      on: 'a',
      frame: unknownFrame({ destination: BROADCAST }),
      drops: [
        ['b', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped'],
        ['mv', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped'],
      ],
    },
    {
      what: 'a frame to nobody',
      on: 'a',
      frame: unknownFrame({ destination: STRANGER }),
      drops: [['b', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
    },
  ]);
});

describe('bridge', () => {
  const BRIDGE = '00:00:5e:00:53:0d';

  beforeAll(() => {
    addLink('br', 'bridge', { address: BRIDGE });
    // Else it says by IGMP that it is in a multicast group of its own.
    ip('link', 'set', 'dev', 'br', 'type', 'bridge', 'mcast_snooping', '0');
    ip('link', 'set', 'dev', 'b', 'master', 'br');
    linkUp('br');
    return () => ip('link', 'delete', 'dev', 'br');
  });

  testDropKinds([
    {
      what: 'a frame to its address',
      on: 'a',
      frame: unknownFrame({ destination: BRIDGE }),
      drops: [['br', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
    },
    {
      what: 'a frame to all',
      on: 'a',
      frame: unknownFrame({ destination: BROADCAST }),
      drops: [['br', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
    },
    {
      what: 'a frame that no port leads to',
      on: 'a',
      frame: unknownFrame({ destination: STRANGER }),
      drops: [['b', 'NO_TX_TARGET', 'br_handle_frame_finish']],
    },
    {
      what: 'a PAUSE frame',
      on: 'a',
      frame: unknownFrame({ destination: '01:80:c2:00:00:01', etherType: 0x8808 }),
      drops: [['b', 'MAC_IEEE_MAC_CONTROL', 'br_handle_frame']],
    },
  ]);
});
