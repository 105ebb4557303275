/** Matchers for vitest: `import 'dropscope/vitest'` in a test file, or in vitest's `setupFiles`. */
import { expect } from 'vitest';
import {
  type DropExpectation,
  type DropMatch,
  expectDrops,
  expectNoDrops,
  type ProofOptions,
} from './index.ts';

type Action = () => unknown;

/** Of `expect(action)`; each is to be awaited, and has no `.not`. */
interface DropMatchers {
  /** The action causes the drops that are expected: as `expectDrops`. */
  toCauseDrops(expectation?: DropExpectation): Promise<void>;
  /** The action causes none of the drops that are meant, by default none that moves a counter: as `expectNoDrops`. */
  toCauseNoDrops(expectation?: DropMatch & ProofOptions): Promise<void>;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: vitest declares it so, and declarations must agree.
  interface Matchers<T = any> extends DropMatchers {}
}

expect.extend({
  async toCauseDrops(action: Action, expectation?: DropExpectation) {
    if (this.isNot)
      throw new Error('Use toCauseNoDrops(). A proof that fails does not show the opposite.');
    const { pass, message } = await expectDrops(action, expectation);
    return { pass, message: () => message };
  },
  async toCauseNoDrops(action: Action, expectation?: DropMatch & ProofOptions) {
    if (this.isNot)
      throw new Error('Use toCauseDrops(). A proof that fails does not show the opposite.');
    const { pass, message } = await expectNoDrops(action, expectation);
    return { pass, message: () => message };
  },
});
