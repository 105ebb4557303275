import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawnWithTracefs } from './programs.mjs';

/**
 * Counts what a DropEvent tells apart: 12 bytes of MACs, the EtherType, 2 bytes more, why, where. By
 * an interval's first turn all probes are attached; BEGIN runs before that.
 */
const PROGRAM = `
  tracepoint:skb:kfree_skb {
    $skb = (struct sk_buff *)args->skbaddr;
    $mac = (uint64 *)($skb->head + $skb->mac_header);
    @[$skb->dev->ifindex, *$mac, *($mac + 1), args->location, args->reason] = count();
  }
  interval:ms:100 { printf("ready\\n"); }`;

/** Whether bpftrace is installed. */
export function hasBpftrace() {
  return spawnSync('bpftrace', ['--version']).status === 0;
}

/** Runs `work` while bpftrace counts drops in a map; gives its result. */
export async function whileBpftraceCounts(work) {
  const bpftrace = spawnWithTracefs('exec bpftrace -e "$1"', [PROGRAM], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(bpftrace, 'exit');
  try {
    await armed(bpftrace);
    return await work();
  } finally {
    // Its map is of no use, and a SIGINT it may miss.
    bpftrace.kill('SIGKILL');
    await ended;
  }
}

async function armed({ stdout }) {
  for await (const line of createInterface(stdout)) {
    if (line !== 'ready') continue;
    stdout.resume();
    return;
  }
  throw new Error('bpftrace ended before it was armed.');
}
