import { CommanderError } from 'commander';
import { ArgumentError, DropscopeError } from '../errors.ts';
import { jsonLine } from './json-line.ts';
import { printable } from './printable.ts';

/** How arguments of the library that only it can check are written on the command line. */
const ON_THE_COMMAND_LINE: Readonly<Record<string, string>> = {
  target: '<interface>',
  frame: '--frame-hex',
  options: 'all filters together',
  'options.networkNamespace': '--netns',
  'options.everyMs': '--every, in milliseconds,',
  'options.interface': '<interface>',
  'options.reason': '--reason',
  'options.engine': '--engine',
  'options.framesPerSecond': '--rate',
  'options.loop': '--loop',
  path: '<file>',
  'plan.engine': '--engine',
  'plan.framesPerSecond': '--rate',
};

/** What to tell people of an error: one line for what can be expected to go wrong, else its stack. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error) || isExpected(error)) return printable(messageOf(error));
  return (error.stack ?? error.message).split('\n').map(printable).join('\n');
}

/** The line with which the output of a command ends that failed, with --json. */
export function errorJson(error: unknown): string {
  return jsonLine({
    event: 'error',
    time: new Date().toISOString(),
    code: codeOf(error),
    message: messageOf(error),
  });
}

/** Whether there is nothing to tell: help or the version was asked for, or shown instead. */
export function isHelp(error: unknown): boolean {
  if (!(error instanceof CommanderError)) return false;
  return error.exitCode === 0 || error.code === 'commander.help';
}

/** A usage error, one that says what to do about it, or the kernel's word. */
function isExpected(error: Error): boolean {
  return error instanceof CommanderError || 'mend' in error || 'syscall' in error;
}

function codeOf(error: unknown): string | null {
  if (error instanceof CommanderError) return 'ERR_INVALID_ARGUMENT';
  return error instanceof DropscopeError ? error.code : null;
}

function messageOf(error: unknown): string {
  if (error instanceof CommanderError) return usageMessage(error);
  if (error instanceof ArgumentError) return argumentMessage(error);
  return error instanceof Error ? error.message : String(error);
}

/** Commander's begins with "error: ", may have two lines, and ends with or without a full stop. */
function usageMessage({ message }: CommanderError): string {
  const sentence = message.replace(/^error: /, '').replace(/([^.])$/, '$1.');
  return `${sentence.replaceAll('\n', ' ')} See: dropscope --help`;
}

/** `options.reason[0]` is `--reason` here. */
function argumentMessage({ argument, message }: ArgumentError): string {
  const name = ON_THE_COMMAND_LINE[argument.replace(/\[\d+\]$/, '')] ?? argument;
  return message.replace(` for ${argument} but received `, ` for ${name} but received `);
}
