import { CommanderError } from 'commander';
import { expect, it } from 'vitest';
import { errorJson, errorText } from '../../lib/cli/error-text.ts';
import { DropscopeError, invalidArgument } from '../../lib/errors.ts';

it('names an argument as the command line does', () => {
  const error = invalidArgument('options.reason[1]', 'a reason', 'for options.reason but received');
  expect(errorText(error)).toBe(
    'Expected a reason for --reason but received "for options.reason but received".',
  );
  expect(JSON.parse(errorJson(error))).toEqual({
    event: 'error',
    time: expect.any(String),
    code: 'ERR_INVALID_ARGUMENT',
    message: errorText(error),
  });
});

it('tells in one line what can be expected to go wrong', () => {
  const usage = new CommanderError(1, 'commander.unknownOption', 'error: first\nsecond');
  expect(errorText(usage)).toBe('first second. See: dropscope --help');
  const ours = new DropscopeError('ERR_CLOSED', { reason: 'a\u001b[31m\nb.', mend: '' });
  expect(errorText(ours)).toBe('a\\x1b[31m\\x0ab.');
});

it('tells where an error came from that nobody expected, a line each, as a terminal can', () => {
  const error = new TypeError('odd \u001b[31m');
  const [first, ...stack] = errorText(error).split('\n');
  expect(first).toBe('TypeError: odd \\x1b[31m');
  expect(stack[0]).toMatch(/^ {4}at /);
  expect(JSON.parse(errorJson(error))).toMatchObject({ code: null, message: 'odd \u001b[31m' });
});
