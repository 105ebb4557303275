import { constants } from 'node:os';
import { expect, it } from 'vitest';
import type { RawSystemError } from '../../lib/errors.ts';
import { type Machine, thisMachine } from '../../lib/kernel/machine.ts';
import { explainEbpfFailure } from '../../lib/probes/explain-ebpf.ts';

const { EPERM, EACCES, E2BIG, EINVAL, EMFILE, ENFILE, ENOMEM } = constants.errno;

const SYS_ADMIN = 1n << 21n;
const PERFMON = 1n << 38n;
const BPF = 1n << 39n;

const MACHINE: Machine = {
  release: '6.1.0-18-amd64',
  btf: true,
  jit: true,
  lockdown: 'none',
  userNamespace: false,
  capabilities: BPF | PERFMON,
};

const OLD = { release: '5.10.0-30-amd64' };
const LOCKED = { lockdown: 'confidentiality' };

it.each([
  ['a user namespace', EPERM, { userNamespace: true }, /user namespace/, /outside/],
  ['no capability', EPERM, { capabilities: 0n }, /lacks CAP_BPF and CAP_PERFMON\.$/, /grant/],
  ['no CAP_BPF', EPERM, { capabilities: PERFMON }, /lacks CAP_BPF\.$/, /grant/],
  ['no CAP_PERFMON', EINVAL, { capabilities: BPF }, /lacks CAP_PERFMON\.$/, /grant/],
  ['no CAP_PERFMON', EACCES, { capabilities: BPF, ...OLD }, /lacks CAP_PERFMON\.$/, /grant/],
  ['lockdown', EPERM, LOCKED, /locked down/, /lockdown=integrity/],
  ['lockdown', EINVAL, LOCKED, /locked down/, /lockdown=integrity/],
  ['a seccomp filter', EPERM, {}, /seccomp filter or a security module/, /seccomp=unconfined/],
  ['a seccomp filter', EPERM, { capabilities: SYS_ADMIN }, /seccomp filter/, /Docker 23/],
])('takes %s for a missing privilege', (_, errno, difference, reason, mend) => {
  expect(explain(errno, difference)).toEqual({
    code: 'ERR_PERMISSION',
    reason: expect.stringMatching(reason),
    mend: expect.stringMatching(mend),
  });
});

it.each([
  ['no BTF', EPERM, { btf: false }, /has no BTF/, /CONFIG_DEBUG_INFO_BTF=y/],
  ['an old kernel', E2BIG, OLD, /5\.10.* is too old/, /Linux 5\.19/],
  ['the verifier of an old kernel', EACCES, OLD, /5\.10.* is too old.*EACCES/, /Linux 5\.19/],
  ['the verifier', EACCES, {}, /refused the eBPF probe \(bpf: EACCES\)/, /report/],
  ['a JIT that is off', EINVAL, { jit: false }, /is off/, /bpf_jit_enable=1/],
  ['no memory', ENOMEM, {}, /no memory/, /smaller ringBytes/],
  ['no descriptor', EMFILE, {}, /This process has as many files open/, /ulimit -n/],
  ['no file', ENFILE, {}, /This machine has as many files open/, /fs\.file-max/],
  ['anything else', EINVAL, {}, /refused the eBPF probe \(bpf: EINVAL\)/, /report/],
])('takes %s for a probe that is not available', (_, errno, difference, reason, mend) => {
  expect(explain(errno, difference)).toEqual({
    code: 'ERR_PROBE_UNAVAILABLE',
    reason: expect.stringMatching(reason),
    mend: expect.stringMatching(mend),
  });
});

it('takes the word of the verifier for a JIT that is off, where the sysctl is hidden', () => {
  const log = 'callbacks are not allowed in non-JITed programs\nprocessed 9 insns\n';
  expect(explain(EINVAL, { jit: undefined }, log).mend).toContain('bpf_jit_enable=1');
});

it('knows this machine', () => {
  expect(thisMachine()).toMatchObject({ btf: true, userNamespace: false });
});

function explain(errno: number, difference: Partial<Machine>, log = '') {
  const raw: RawSystemError = Object.assign(new Error('bpf'), { syscall: 'bpf', errno, log });
  return explainEbpfFailure(raw, { ...MACHINE, ...difference });
}
