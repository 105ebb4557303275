import { spawnSync } from 'node:child_process';
import { FEATURES, type Feature } from './world.ts';

/** For each feature, a command that makes a link that needs it, where `va` and `vb` are a veth pair. */
const TRIALS: Readonly<Record<Feature, string>> = {
  bridge: 'ip link add name x type bridge',
  vlanFiltering: 'ip link add name x type bridge vlan_filtering 1',
  vlan: 'ip link add link va name x type vlan id 5',
  macvlan: 'ip link add link va name x type macvlan mode bridge',
  dummy: 'ip link add name x type dummy',
  tun: 'ip tuntap add x mode tun',
};

/** What this kernel can make. */
export function featuresHere(): Feature[] {
  return FEATURES.filter((feature) => {
    const script = `ip link add name va type veth peer name vb && ${TRIALS[feature]}`;
    return spawnSync('unshare', ['--net', 'sh', '-c', script]).status === 0;
  });
}
