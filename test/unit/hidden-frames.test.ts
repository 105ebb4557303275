import { expect, it } from 'vitest';
import { type HiddenFrames, hiddenFrames } from '../../lib/link/hidden-frames.ts';
import type { LinkState } from '../../lib/link/link-state.ts';

const ALL = 3;
const LLDP = 0x88cc;

/** Two ports of a bond, one of them in use, and a VLAN device on the bond. */
const BOND = [
  link({ ifindex: 2, name: 'used', master: 4, masterKind: 'bond' }),
  link({ ifindex: 3, name: 'spare', master: 4, masterKind: 'bond', isInactivePort: true }),
  link({ ifindex: 4, name: 'bond', kind: 'bond' }),
  link({ ifindex: 5, name: 'vlan', kind: 'vlan', lower: 4 }),
];

function link(state: Partial<LinkState>): LinkState {
  return {
    name: '',
    ifindex: 0,
    isUp: true,
    hasCarrier: true,
    kind: '',
    master: 0,
    masterKind: '',
    isInactivePort: false,
    lower: 0,
    ...state,
  };
}

function hidden(
  links: readonly LinkState[],
  protocol: number,
  on: string,
): Record<string, HiddenFrames> {
  const nameOf = (ifindex: number) => links.find((one) => one.ifindex === ifindex)?.name ?? '';
  const ifindex = links.find(({ name }) => name === on)?.ifindex ?? 0;
  const frames = hiddenFrames({ protocol, ifindex }, { links, withIngress: new Set() });
  return Object.fromEntries([...frames].map(([index, what]) => [nameOf(index), what]));
}

it('says that a tap of every protocol hides nothing on the ports of a bond', () => {
  expect(hidden(BOND, ALL, 'used')).toEqual({ used: 'none' });
  expect(hidden(BOND, ALL, 'bond')).toEqual({ bond: 'untagged' });
  expect(hidden(BOND, ALL, '')).toEqual({
    used: 'none',
    spare: 'none',
    bond: 'untagged',
    vlan: 'untagged',
  });
});

it('says that a tap of one protocol on a port hides what the bond and its VLAN devices count', () => {
  expect(hidden(BOND, LLDP, 'used')).toEqual({ used: 'any', bond: 'any', vlan: 'any' });
  expect(hidden(BOND, LLDP, 'spare')).toEqual({ spare: 'any', bond: 'any', vlan: 'any' });
});

it('says that a tap on a bond hides nothing on its VLAN devices: frames come from the ports', () => {
  expect(hidden(BOND, LLDP, 'bond')).toEqual({ bond: 'any' });
});

it('says that a tap of one protocol that is bound to no interface hides nothing on an unused port', () => {
  expect(hidden(BOND, LLDP, '')).toEqual({ used: 'any', spare: 'none', bond: 'any', vlan: 'any' });
});

it.each([
  ['bridge', 'none'],
  ['team', 'none'],
  ['openvswitch', 'none'],
  ['vrf', 'untagged'],
  ['batadv', 'untagged'],
] as const)('says what a tap hides on a port of a %s: %s', (masterKind, frames) => {
  const links = [
    link({ ifindex: 2, name: 'port', master: 3, masterKind }),
    link({ ifindex: 3, kind: masterKind, name: 'master' }),
  ];
  expect(hidden(links, ALL, 'port')).toEqual({ port: frames });
});

it.each([
  ['vlan', 'untagged'],
  ['macvlan', 'none'],
  ['macvtap', 'none'],
  ['ipvlan', 'none'],
  ['macsec', 'none'],
  ['veth', 'untagged'],
] as const)('says what a tap hides on a link that a %s is built on: %s', (kind, frames) => {
  const links = [
    link({ ifindex: 2, name: 'lower' }),
    link({ ifindex: 3, name: 'upper', kind, lower: 2 }),
  ];
  expect(hidden(links, ALL, 'lower')).toEqual({ lower: frames });
});

it('ends also where links are built on each other, as the two ends of a veth are', () => {
  const links = [
    link({ ifindex: 2, name: 'a', kind: 'macvlan', lower: 3 }),
    link({ ifindex: 3, name: 'b', kind: 'macvlan', lower: 2 }),
  ];
  expect(hidden(links, LLDP, 'a')).toEqual({ a: 'any', b: 'any' });
});
