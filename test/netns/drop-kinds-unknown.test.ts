import { beforeAll } from 'vitest';
import { type DropKind, testDropKinds } from '../support/drop-kind.ts';
import { vethScene } from '../support/drop-scene.ts';
import { BROADCAST, STRANGER, unknownFrame } from '../support/frames.ts';

beforeAll(vethScene);

/** What comes of a frame that nobody handles. */
const UNHANDLED: Pick<DropKind, 'on' | 'drops'> = {
  on: 'a',
  drops: [['b', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
};

testDropKinds([
  {
    what: 'an unknown EtherType on lo',
    on: 'lo',
    frame: unknownFrame({ destination: '00:00:00:00:00:00' }),
    drops: [['lo', 'UNHANDLED_PROTO', '__netif_receive_skb_core', 'rx_dropped']],
  },
  { what: 'an unknown EtherType to the own address', frame: unknownFrame(), ...UNHANDLED },
  {
    what: 'an unknown EtherType to another address',
    frame: unknownFrame({ destination: STRANGER }),
    ...UNHANDLED,
  },
  {
    what: 'an unknown EtherType to all',
    frame: unknownFrame({ destination: BROADCAST }),
    ...UNHANDLED,
  },
  {
    what: 'LLDP',
    frame: unknownFrame({ destination: '01:80:c2:00:00:0e', etherType: 0x88cc }),
    ...UNHANDLED,
  },
  {
    what: 'PAUSE',
    frame: unknownFrame({ destination: '01:80:c2:00:00:01', etherType: 0x8808 }),
    ...UNHANDLED,
  },
  {
    what: 'EAPOL',
    frame: unknownFrame({ destination: '01:80:c2:00:00:03', etherType: 0x888e }),
    ...UNHANDLED,
  },
  {
    what: 'PTP',
    frame: unknownFrame({ destination: '01:1b:19:00:00:00', etherType: 0x88f7 }),
    ...UNHANDLED,
  },
  { what: 'a priority tag before it', frame: unknownFrame({ vlan: { id: 0 } }), ...UNHANDLED },
  { what: 'a VLAN without device', frame: unknownFrame({ vlan: { id: 99 } }), ...UNHANDLED },
]);
