import { spawnSync } from 'node:child_process';
import { FEATURES, type Feature } from './world.ts';
import { XDP_DROP } from './xdp-drop.ts';

/** Drops every frame: TC_ACT_SHOT by classic BPF. */
const DROP = "protocol all bpf direct-action bytecode '1,6 0 0 2,'";

/** For each feature, a command that makes a link that needs it, where `va` and `vb` are a veth pair. */
const TRIALS: Readonly<Record<Feature, string>> = {
  bridge: 'ip link add name x type bridge',
  vlanFiltering: 'ip link add name x type bridge vlan_filtering 1',
  vlan: 'ip link add link va name x type vlan id 5',
  macvlan: 'ip link add link va name x type macvlan mode bridge',
  dummy: 'ip link add name x type dummy',
  tun: 'if ! [ -e /dev/net/tun ]; then modprobe tun; fi; ip tuntap add x mode tun',
  bond: 'ip link add name x type bond mode active-backup',
  ipvlan: 'ip link add link va name x type ipvlan mode l2',
  netkit: 'ip link add name x type netkit mode l2 peer name y',
  vxlan: 'ip link add name x type vxlan id 4 dstport 4789 remote 10.1.1.1 dev va',
  gretap: 'ip link add name x type gretap local 10.1.1.1 remote 10.1.1.2',
  ingress: `tc qdisc add dev va clsact && tc filter add dev va ingress ${DROP}`,
  xdp: `ip link set dev va xdpgeneric obj '${XDP_DROP}' sec xdp`,
  nft: 'nft add table netdev t',
  tbf: 'tc qdisc add dev va root tbf rate 1mbit burst 2k limit 3k',
  netem: 'tc qdisc add dev va root netem loss 50%',
};

/** What this kernel can make. */
export function featuresHere(): Feature[] {
  return FEATURES.filter((feature) => {
    const script = `ip link add name va type veth peer name vb && ${TRIALS[feature]}`;
    return spawnSync('unshare', ['--net', 'sh', '-c', script]).status === 0;
  });
}
