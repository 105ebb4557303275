import fc from 'fast-check';
import { expect, it } from 'vitest';
import { errnoName, systemCallFailed } from '../../lib/errors.ts';
import { sentReport } from '../../lib/injection/send-job.ts';

/** include/linux/errno.h: errors that the kernel keeps to itself, but some drivers return them. */
const ENOTSUPP = 524;

it.each([
  [1, 'EPERM'],
  [11, 'EAGAIN'],
  [95, 'ENOTSUP'],
  [100, 'ENETDOWN'],
  [116, 'ESTALE'],
  [ENOTSUPP, 'ENOTSUPP'],
  [531, 'errno 531'],
  [0, 'errno 0'],
])('gives errno %i its name', (errno, name) => {
  expect(errnoName(errno)).toBe(name);
});

it('has a name for any number', () => {
  fc.assert(fc.property(fc.integer(), (errno) => errnoName(errno).length > 0));
});

it('says which errno the kernel refused a call with, also where errno(3) does not have it', () => {
  const raw = Object.assign(new Error('bpf'), { syscall: 'bpf', errno: ENOTSUPP });
  expect(systemCallFailed(raw, 'sending')).toMatchObject({
    errno: ENOTSUPP,
    errnoName: 'ENOTSUPP',
    message: 'The kernel refused bpf while sending: ENOTSUPP.',
  });
});

it('counts refused frames by the names of their errors', () => {
  const progress = { sent: 5, bytes: 300, durationNs: 1e9, refused: [105, 2, ENOTSUPP, 3, 531, 1] };
  expect(sentReport(progress, 'sendmmsg', []).refused).toEqual({
    ENOBUFS: 2,
    ENOTSUPP: 3,
    'errno 531': 1,
  });
});
