import { type ErrorCode, type Explanation, errnoName, type RawSystemError } from '../errors.ts';
import { type Machine, missingCapabilities } from '../kernel/machine.ts';
import { isOlder } from '../kernel-version.ts';

/** Why the kernel refused the eBPF probe, and what to do about it. */
export interface Refusal extends Explanation {
  readonly code: ErrorCode;
}

/** Why the kernel refused the eBPF probe: the first thing that is in its way. */
export function explainEbpfFailure(raw: RawSystemError, machine: Machine): Refusal {
  return (
    explainLimit(raw) ??
    explainMissingBtf(machine) ??
    explainPrivilege(raw, machine) ??
    explainAge(raw, machine) ??
    explainJit(raw, machine) ??
    explainFilter(raw) ?? {
      code: 'ERR_PROBE_UNAVAILABLE',
      reason: `The kernel (${machine.release}) refused the eBPF probe (${raw.syscall}: ${errnoName(raw.errno)}).`,
      mend: 'Please report this at the dropscope repository, with the kernel release.',
    }
  );
}

function explainLimit(raw: RawSystemError): Refusal | undefined {
  const code = 'ERR_PROBE_UNAVAILABLE';
  switch (errnoName(raw.errno)) {
    case 'ENOMEM':
      return {
        code,
        reason:
          'The kernel has no memory for the maps of the eBPF probe (ENOMEM): the ring, and tables of devices and talkers that grow with the CPUs that are online.',
        mend: 'Free memory or raise the limit of this process’s memory cgroup (memory.max); a smaller ringBytes helps where that is large.',
      };
    case 'EMFILE':
      return {
        code,
        reason: 'This process has as many files open as it may have (EMFILE).',
        mend: 'Raise the limit: ulimit -n, or LimitNOFILE= in the systemd unit.',
      };
    case 'ENFILE':
      return {
        code,
        reason: 'This machine has as many files open as it may have (ENFILE).',
        mend: 'Raise the limit: sysctl fs.file-max',
      };
    default:
      return undefined;
  }
}

function explainMissingBtf({ btf, release }: Machine): Refusal | undefined {
  if (btf) return undefined;
  return {
    code: 'ERR_PROBE_UNAVAILABLE',
    reason: `This kernel (${release}) has no BTF, the description of its own types.`,
    mend: 'Boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian 12 and Ubuntu 22.10 and later are.',
  };
}

/** What keeps BPF from reading the kernel's memory, so that the verifier answers EINVAL, too. */
function explainPrivilege(raw: RawSystemError, machine: Machine): Refusal | undefined {
  if (!['EPERM', 'EACCES', 'EINVAL'].includes(errnoName(raw.errno))) return undefined;
  const code = 'ERR_PERMISSION';
  const missing = missingCapabilities(machine, ['CAP_BPF', 'CAP_PERFMON']);
  if (machine.userNamespace) {
    return {
      code,
      reason:
        'This process is in a user namespace, where the kernel refuses BPF whatever capabilities it shows.',
      mend: 'Run it outside: with the capabilities CAP_BPF and CAP_PERFMON of the host.',
    };
  }
  if (missing.length > 0) {
    return {
      code,
      reason: `This process may not load BPF programs: it lacks ${missing.join(' and ')}.`,
      mend: 'Run as root, or grant what it needs to the service (AmbientCapabilities=CAP_BPF CAP_PERFMON in its systemd unit).',
    };
  }
  if (machine.lockdown !== 'confidentiality') return undefined;
  return {
    code,
    reason: 'The kernel is locked down (confidentiality), which keeps BPF from reading its memory.',
    mend: 'Boot with lockdown=integrity or without lockdown: man 7 kernel_lockdown',
  };
}

function explainAge(raw: RawSystemError, { release }: Machine): Refusal | undefined {
  if (!isOlder(release, [5, 19])) return undefined;
  return {
    code: 'ERR_PROBE_UNAVAILABLE',
    reason: `This kernel (${release}) is too old for the eBPF probe (${raw.syscall}: ${errnoName(raw.errno)}).`,
    mend: 'Boot Linux 5.19 or later, such as Debian 12 has.',
  };
}

/** The programs call functions back, which the kernel's interpreter cannot: fixup_call_args(). */
function explainJit(raw: RawSystemError, { jit }: Machine): Refusal | undefined {
  if (jit !== false && raw.log?.includes('non-JITed programs') !== true) return undefined;
  return {
    code: 'ERR_PROBE_UNAVAILABLE',
    reason:
      'The compiler of this kernel for BPF programs is off (net.core.bpf_jit_enable is 0), and the eBPF probe needs it.',
    mend: 'Turn it on: sysctl net.core.bpf_jit_enable=1',
  };
}

/** With every privilege there, EPERM comes from outside of BPF; the verifier says EACCES. */
function explainFilter(raw: RawSystemError): Refusal | undefined {
  if (errnoName(raw.errno) !== 'EPERM') return undefined;
  return {
    code: 'ERR_PERMISSION',
    reason:
      'This process has the capabilities, but a seccomp filter or a security module refuses bpf(2).',
    mend: 'In a container: Docker 23 or later, or --security-opt seccomp=unconfined.',
  };
}
