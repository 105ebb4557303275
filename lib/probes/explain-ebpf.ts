import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Explanation, RawSystemError } from '../errors.ts';

/** What decides why the kernel refuses an eBPF program. */
export interface Machine {
  /** As in `uname -r`. */
  readonly release: string;
  /** Whether the kernel describes its types in /sys/kernel/btf/vmlinux. */
  readonly btf: boolean;
  /** kernel_lockdown(7): 'none', 'integrity' or 'confidentiality'. */
  readonly lockdown: string;
  /** Whether this process is in a user namespace other than the first: user_namespaces(7). */
  readonly userNamespace: boolean;
  /** Whether this process shows CAP_PERFMON, or CAP_SYS_ADMIN, which stands in for it. */
  readonly perfmon: boolean;
}

// include/uapi/linux/capability.h
const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    release: release(),
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    lockdown: /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown'))?.[1] ?? 'none',
    userNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(read('/proc/self/uid_map')),
    perfmon: hasCapability(CAP_PERFMON) || hasCapability(CAP_SYS_ADMIN),
  };
}

/** proc_pid_status(5), CapEff. */
function hasCapability(capability: bigint): boolean {
  const [, effective = '0'] = /^CapEff:\s*(\w+)/m.exec(read('/proc/self/status')) ?? [];
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}

/** Whether what the kernel answered means that this process lacks a privilege. */
export function isPrivilegeMissing(raw: RawSystemError, machine: Machine): boolean {
  const errno = getSystemErrorName(-raw.errno);
  // Without CAP_PERFMON the verifier does not know bpf_probe_read_kernel() and answers EINVAL.
  return errno === 'EPERM' || errno === 'EACCES' || (errno === 'EINVAL' && !machine.perfmon);
}

/** Why the kernel refused the eBPF probe, and what to do about it. */
export function explainEbpfFailure(raw: RawSystemError, machine: Machine): Explanation {
  const errno = getSystemErrorName(-raw.errno);
  if (!machine.btf) {
    return {
      reason: `This kernel (${machine.release}) has no BTF, the description of its own types.`,
      mend: 'Boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian 12 and Ubuntu 22.10 and later are.',
    };
  }
  if (isPrivilegeMissing(raw, machine)) return explainPermission(machine);
  if (isOlder(machine.release, [5, 19])) {
    return {
      reason: `This kernel (${machine.release}) is too old for the eBPF probe (${raw.syscall}: ${errno}).`,
      mend: 'Boot Linux 5.19 or later, such as Debian 12 has.',
    };
  }
  if (errno === 'ENOMEM') {
    return {
      reason: 'The kernel has no memory for the ring buffer (ENOMEM).',
      mend: 'Give a smaller ringBytes.',
    };
  }
  return {
    reason: `The kernel (${machine.release}) refused the eBPF probe (${raw.syscall}: ${errno}).`,
    mend: 'Please report this at the dropscope repository, with the kernel release.',
  };
}

function explainPermission(machine: Machine): Explanation {
  // Lockdown's confidentiality refuses bpf_probe_read_kernel(), even to root.
  if (machine.lockdown === 'confidentiality') {
    return {
      reason:
        'The kernel is locked down (confidentiality), which keeps BPF from reading its memory.',
      mend: 'Boot with lockdown=integrity or without lockdown: man 7 kernel_lockdown',
    };
  }
  if (machine.userNamespace) {
    return {
      reason:
        'This process is in a user namespace, where the kernel refuses BPF whatever capabilities it shows.',
      mend: 'Run it outside: with the capabilities CAP_BPF and CAP_PERFMON of the host.',
    };
  }
  return {
    reason: 'This process may not load BPF programs: it lacks CAP_BPF or CAP_PERFMON.',
    mend: 'Run as root, or grant both to the service (AmbientCapabilities=CAP_BPF CAP_PERFMON in its systemd unit).',
  };
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, ownMajor, ownMinor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (ownMajor === undefined) return false;
  return Number(ownMajor) < major || (Number(ownMajor) === major && Number(ownMinor) < minor);
}

/** The text of a file of the kernel's; '' where this kernel has no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
