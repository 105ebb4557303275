import { execFileSync } from 'node:child_process';

/** Runs iproute2 in this process's namespace; gives its output. */
export function ip(args, input = '') {
  return execFileSync('ip', args, { encoding: 'utf8', input });
}

/** Sets `lo` up. */
export function loopbackUp() {
  ip(['link', 'set', 'dev', 'lo', 'up']);
}

/** Makes two veth devices, each the other's peer, and sets them up. */
export function vethPair(sender, receiver) {
  ip(['link', 'add', 'dev', sender, 'type', 'veth', 'peer', 'name', receiver]);
  // Without an IPv6 address no neighbour discovery moves a counter.
  for (const name of [sender, receiver]) {
    ip(['link', 'set', 'dev', name, 'addrgenmode', 'none', 'up']);
  }
}

/** What an interface has received: `packets` and `dropped`, as `ip -s link` shows them. */
export function received(name) {
  const [link] = JSON.parse(ip(['-s', '-j', 'link', 'show', 'dev', name]));
  return link.stats64.rx;
}

/** Throws where numbers that must be equal are not: then nothing else that was measured counts. */
export function mustBeEqual(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: ${found}, expected ${expected}.`);
}
