import { constants } from 'node:os';
import { expect, it } from 'vitest';
import type { RawSystemError } from '../../lib/errors.ts';
import { explainEbpfFailure, type Machine, thisMachine } from '../../lib/probes/explain-ebpf.ts';

const { EPERM, EACCES, E2BIG, ENOMEM, EINVAL } = constants.errno;

const MACHINE: Machine = {
  release: '6.1.0-18-amd64',
  btf: true,
  lockdown: 'none',
  userNamespace: false,
  perfmon: true,
};

it.each([
  ['no BTF', EPERM, { btf: false }, /has no BTF/, /CONFIG_DEBUG_INFO_BTF=y/],
  ['lockdown', EPERM, { lockdown: 'confidentiality' }, /locked down/, /lockdown=integrity/],
  ['a user namespace', EPERM, { userNamespace: true }, /user namespace/, /outside/],
  [
    'no capability',
    EACCES,
    { lockdown: 'integrity' },
    /lacks CAP_BPF or CAP_PERFMON/,
    /grant both/,
  ],
  ['no CAP_PERFMON', EINVAL, { perfmon: false }, /lacks CAP_BPF or CAP_PERFMON/, /grant both/],
  ['an old kernel', E2BIG, { release: '5.10.0-30-amd64' }, /5\.10.* is too old/, /Linux 5\.19/],
  ['no memory', ENOMEM, {}, /no memory/, /smaller ringBytes/],
  ['anything else', EINVAL, {}, /refused the eBPF probe \(bpf: EINVAL\)/, /report/],
])('explains what %s does', (_, errno, difference, reason, mend) => {
  const explanation = explainEbpfFailure(rawError(errno), { ...MACHINE, ...difference });
  expect(explanation.reason).toMatch(reason);
  expect(explanation.mend).toMatch(mend);
});

it('knows this machine', () => {
  expect(thisMachine()).toMatchObject({ btf: true, userNamespace: false });
});

function rawError(errno: number): RawSystemError {
  return Object.assign(new Error('bpf'), { syscall: 'bpf', errno });
}
