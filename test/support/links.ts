import { execFileSync } from 'node:child_process';
import { ip } from './namespace.ts';
import { waitFor } from './wait-for.ts';

/** Runs tc(8) in this process's namespace; throws with its stderr. */
export function tc(...args: string[]): void {
  execFileSync('tc', args, { stdio: 'pipe' });
}

/** Makes a link of any type. It is down, and as quiet as `vethPair` makes them. */
export function addLink(
  name: string,
  type: string,
  { link, address }: { readonly link?: string; readonly address: string },
): void {
  const lower = link === undefined ? [] : ['link', link];
  ip('link', 'add', ...lower, 'name', name, 'address', address, 'type', type);
  ip('link', 'set', 'dev', name, 'addrgenmode', 'none');
}

/**
 * Has tc drop what enters or leaves a link, by a classic BPF program that returns TC_ACT_SHOT. What
 * it gives ends that.
 */
export function dropByTc(direction: 'ingress' | 'egress', name: string): () => void {
  tc('qdisc', 'add', 'dev', name, 'clsact');
  const program = ['bpf', 'direct-action', 'bytecode', '1,6 0 0 2,'];
  tc('filter', 'add', 'dev', name, direction, 'protocol', 'all', ...program);
  return () => tc('qdisc', 'delete', 'dev', name, 'clsact');
}

/**
 * Waits until a link sends, or no longer sends, what it is given. The kernel learns some time after
 * `ip link set up` returned that there is a carrier; until then it drops all frames.
 */
export async function carrier(name: string, state: 'UP' | 'LOWERLAYERDOWN' = 'UP'): Promise<void> {
  await waitFor(`${name} to be ${state}`, () => {
    const [link]: { operstate: string }[] = JSON.parse(ip('-j', 'link', 'show', 'dev', name));
    return link?.operstate === state;
  });
}

/** Has a veth device take what the XDP program of its peer sends, or not: ethtool(8). */
export function receiveOffload(name: string, state: 'on' | 'off'): void {
  execFileSync('ethtool', ['-K', name, 'gro', state], { stdio: 'pipe' });
}
