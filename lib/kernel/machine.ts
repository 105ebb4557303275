import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

/** What decides why the kernel refuses a BPF program. */
export interface Machine {
  /** As in `uname -r`. */
  readonly release: string;
  /** Whether the kernel describes its types in /sys/kernel/btf/vmlinux. */
  readonly btf: boolean;
  /** net.core.bpf_jit_enable; undefined: it cannot be read, as in a network namespace of its own. */
  readonly jit: boolean | undefined;
  /** kernel_lockdown(7): 'none', 'integrity' or 'confidentiality'. */
  readonly lockdown: string;
  /** Whether this process is in a user namespace other than the first: user_namespaces(7). */
  readonly userNamespace: boolean;
  /** The effective capabilities of this process, a bit each: CapEff of proc_pid_status(5). */
  readonly capabilities: bigint;
}

/** A capability that CAP_SYS_ADMIN stands in for: capabilities(7). */
export type BpfCapability = 'CAP_BPF' | 'CAP_PERFMON' | 'CAP_NET_ADMIN';

// include/uapi/linux/capability.h
const CAP_SYS_ADMIN = 21n;
const NUMBERS: Readonly<Record<BpfCapability, bigint>> = {
  CAP_BPF: 39n,
  CAP_PERFMON: 38n,
  CAP_NET_ADMIN: 12n,
};

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const [, effective = '0'] = /^CapEff:\s*(\w+)/m.exec(read('/proc/self/status')) ?? [];
  return {
    release: release(),
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    jit: jitEnabled(read('/proc/sys/net/core/bpf_jit_enable')),
    lockdown: /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown'))?.[1] ?? 'none',
    userNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(read('/proc/self/uid_map')),
    capabilities: BigInt(`0x${effective}`),
  };
}

/** 0: off, 1: on, 2: on, and the kernel logs what it compiles. */
function jitEnabled(setting: string): boolean | undefined {
  return setting === '' ? undefined : setting.trim() !== '0';
}

/** Those of `needed` that this process lacks. */
export function missingCapabilities(
  { capabilities }: Machine,
  needed: readonly BpfCapability[],
): BpfCapability[] {
  const has = (capability: bigint) => ((capabilities >> capability) & 1n) === 1n;
  if (has(CAP_SYS_ADMIN)) return [];
  return needed.filter((name) => !has(NUMBERS[name]));
}

/** The text of a file of the kernel's; '' where this kernel has no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
