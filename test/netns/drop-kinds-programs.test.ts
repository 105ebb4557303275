import { beforeAll } from 'vitest';
import { type Arrangement, testDropKinds } from '../support/drop-kind.ts';
import { vethScene } from '../support/drop-scene.ts';
import { unknownFrame } from '../support/frames.ts';
import { dropByTc, tc } from '../support/links.ts';
import { ip } from '../support/namespace.ts';
import { compileXdpDrop } from '../support/xdp-drop.ts';

const xdpDrop = compileXdpDrop();

beforeAll(vethScene);

/** Drops what a link receives by an XDP program. */
function dropByXdp(mode: 'xdpgeneric' | 'xdpdrv', name: string): Arrangement {
  return () => {
    ip('link', 'set', 'dev', name, mode, 'object', xdpDrop, 'section', 'xdp');
    return () => ip('link', 'set', 'dev', name, mode, 'off');
  };
}

testDropKinds([
  {
    what: 'a tc filter that drops what comes in',
    arrange: () => dropByTc('ingress', 'b'),
    on: 'a',
    frame: unknownFrame(),
    drops: [['b', 'TC_INGRESS', '__netif_receive_skb_core']],
  },
  {
    what: 'a tc filter that drops what goes out',
    arrange: () => dropByTc('egress', 'a'),
    on: 'a',
    frame: unknownFrame(),
    refused: true,
    drops: [['a', 'TC_EGRESS', '__dev_queue_xmit']],
  },
  {
    what: 'a queue over its limit',
    arrange() {
      tc('qdisc', 'add', 'dev', 'a', 'root', 'tbf', 'rate', '8kbit', 'burst', '60', 'limit', '60');
      return () => tc('qdisc', 'delete', 'dev', 'a', 'root');
    },
    on: 'a',
    frame: unknownFrame({ payload: new Uint8Array(100) }),
    refused: true,
    drops: [['a', 'QDISC_DROP', '__dev_queue_xmit']],
  },
  {
    what: 'a generic XDP program that drops',
    arrange: dropByXdp('xdpgeneric', 'b'),
    on: 'a',
    frame: unknownFrame(),
    drops: [['b', 'NOT_SPECIFIED', 'do_xdp_generic']],
  },
  {
    what: "an XDP program that drops in veth's own path",
    arrange: dropByXdp('xdpdrv', 'b'),
    on: 'a',
    frame: unknownFrame(),
    drops: [['b', 'NOT_SPECIFIED', 'veth_xdp_rcv_skb']],
  },
]);
