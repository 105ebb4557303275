import config from '../../vitest.config.ts';

/** Tests that take a minute or more each; `npm test` leaves them out. */
export default {
  ...config,
  test: { ...config.test, include: ['test/long/**/*.test.ts'], exclude: ['node_modules/**'] },
};
