import { expect, it } from 'vitest';
import { explainStap } from '../../lib/probes/systemtap/explain-stap.ts';
import { StapFailure } from '../../lib/probes/systemtap/stap.ts';

// As systemtap 4.4 to 5.6 said it.
it.each([
  ['', 'ENOENT', /not installed\. Install it: apt-get install systemtap/],
  [
    'Checking "/lib/modules/6.1.0/build/.config" failed with error: No such file or directory',
    undefined,
    /headers of this kernel .* apt-get install linux-headers-/,
  ],
  [
    'semantic error: missing x86_64 kernel/module debuginfo [man warning::debuginfo] under /lib/modules/6.1.0/build',
    undefined,
    /debug information .* apt-get install linux-image-/,
  ],
  [
    'semantic error: while resolving probe point: identifier\nsemantic error: no match (similar functions: netif_receive_skb)',
    undefined,
    /no such function or label/,
  ],
  [
    'staprun:rename_module:307: ERROR: Could not find old name to replace!\nERROR: Couldn\'t insert module "/tmp/a.ko": Unknown symbol in module',
    undefined,
    /was renamed/,
  ],
  [
    'ERROR: Unable to canonicalize path "/tmp/nope.ko": No such file or directory',
    undefined,
    /no module at that path/,
  ],
  ['setpriv: failed to execute staprun: No such file or directory', undefined, /no staprun/],
  ['semantic error: no match', undefined, /debug information .* apt-get install linux-image-/],
  ['Tip: /usr/share/doc/systemtap/README.Debian should help you.', undefined, /debug information/],
  [
    "ERROR: Couldn't insert module '/tmp/stap.ko': Invalid module format",
    undefined,
    /built for another kernel/,
  ],
  [
    'stp_task_work.c:107:8: error: initialization from incompatible pointer type [-Werror=incompatible-pointer-types]',
    undefined,
    /does not fit this kernel/,
  ],
  [
    "\u001b[01;31m\u001b[KERROR:\u001b[m\u001b[K Can't resolve uprobe_unregister!",
    undefined,
    /does not fit/,
  ],
])('explains %j', (stderr, code, message) => {
  const error = explainStap(new StapFailure('stap', stderr, { code }));
  expect(error).toMatchObject({
    name: 'ProbeError',
    probe: 'systemtap',
    code: 'ERR_PROBE_UNAVAILABLE',
    message: expect.stringMatching(message),
  });
  expect(error.stderr).not.toContain('\u001b');
});

it.each([
  'ERROR: You are trying to run systemtap as a normal user.',
  'setpriv: failed to execute staprun: Permission denied',
])('says what is not permitted: %s', (stderr) => {
  expect(explainStap(new StapFailure('staprun', stderr)).code).toBe('ERR_PERMISSION');
});

it('says that root is needed', () => {
  const stderr = 'ERROR: You are trying to run systemtap as a normal user.';
  expect(explainStap(new StapFailure('stap', stderr))).toMatchObject({
    code: 'ERR_PERMISSION',
    mend: 'Run as root.',
    stderr,
  });
});

it('repeats the last words where it does not know them', () => {
  const failure = new StapFailure('staprun', 'ERROR: something new\nWARNING: and more');
  expect(explainStap(failure).message).toBe('staprun failed. something new');
});

it('says that it was killed, whatever it said before', () => {
  const failure = new StapFailure('stap', '', { signal: 'SIGKILL' });
  expect(explainStap(failure).message).toBe('stap was ended by SIGKILL.');
});
