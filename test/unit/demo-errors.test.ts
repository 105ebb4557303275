import { expect, it } from 'vitest';
import { demoSawNoDrop, programFailed } from '../../lib/cli/demo-errors.ts';
import { exitCodeOf } from '../../lib/cli/exit-code.ts';
import type { ErrorCode } from '../../lib/index.ts';

it('gives a demonstration that failed the exit code 1, and no code of the SDK', () => {
  // @ts-expect-error: who uses the SDK never gets it.
  const code: ErrorCode = 'ERR_DEMO_FAILED';
  for (const error of [demoSawNoDrop(5000), programFailed('ip link', 'Warning\nNo such device')]) {
    expect(error).toMatchObject({ name: 'DemoError', mend: expect.any(String) });
    expect(error).not.toMatchObject({ code });
    expect(exitCodeOf(error)).toBe(1);
  }
});

it('gives a demonstration without the privilege the exit code 77', () => {
  const error = programFailed('unshare --net', 'unshare failed: Operation not permitted');
  expect(error).toMatchObject({ code: 'ERR_PERMISSION', mend: expect.stringContaining('root') });
  expect(exitCodeOf(error)).toBe(77);
});
