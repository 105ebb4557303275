import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dropscope, objects } from './dropscope.ts';

it.each([
  ['--frob', "unknown option '--frob'. See: dropscope --help"],
  ['frob', "unknown command 'frob'. See: dropscope --help"],
  ['inject', "missing required argument 'interface'. See: dropscope --help"],
  ['stats a b', "too many arguments for 'stats'. Expected 1 argument but got 2. See"],
  ['inject lo --sourc x', "unknown option '--sourc' (Did you mean --source?). See"],
  ['inject lo --count 0', 'Expected a whole number of at least 1 for --count but received "0".'],
  ['inject lo --source zz', 'Expected a MAC address such as 00:00:5e:00:53:00 for --source but'],
  ['inject lo --ether-type 0x05ff', 'Expected an EtherType from 0x0600 to 0xffff for --ether-type'],
  ['inject lo --payload-hex 0', 'Expected two hexadecimal digits a byte, such as 0a0b0c for'],
  [
    'inject lo --vlan 4096',
    'Expected ID or ID:PRIORITY (0 to 4095, 0 to 7) for --vlan but received',
  ],
  ['inject lo --frame-hex 0a --no-pad', "option '--frame-hex <bytes>' cannot be used with option"],
  ['inject lo --frame-hex 0a0b', 'Expected at least 14 bytes for --frame-hex but received'],
  ['inject 0123456789abcdef', 'Expected an interface name of 1 to 15 bytes for <interface> but'],
  ['stats 0123456789abcdef', 'Expected an interface name of 1 to 15 bytes for <interface> but'],
  ['watch lo 0123456789abcdef', 'Expected an interface name of 1 to 15 bytes for <interface> but'],
  [
    'watch --duration 0',
    'Expected a time above 0 and up to 2147483 seconds for --duration but received "0"',
  ],
  [
    'watch --scope some',
    "option '--scope <scope>' argument 'some' is invalid. Allowed choices are",
  ],
  ['replay lo', "missing required argument 'file'. See: dropscope --help"],
  ['replay lo x --speed 0', 'Expected a number above 0 for --speed but received "0". Such as 0.5'],
  ['replay lo x --speed 2 --rate 5', "option '--rate <n>' cannot be used with option '--speed"],
  ['replay lo x --receive --engine af-xdp', 'Expected live-frames for --engine but received'],
  ['watch --probe magic', "option '--probe <name>' argument 'magic' is invalid. Allowed choices"],
  ['watch --reason NONE', 'Expected a drop reason of this kernel for --reason but received'],
  ['watch --source', "option '--source <mac>' argument missing. See: dropscope --help"],
])('refuses "dropscope %s" with one line and exit code 2', async (line, message) => {
  const { code, stdout, stderr } = await dropscope(line.split(' '));
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^dropscope: .*\n$/);
  expect(stderr).toContain(message);
});

it.each([
  ['inject eth7 --json', 1, 'ERR_NO_INTERFACE', 'There is no interface "eth7".'],
  ['stats eth7 --json', 1, 'ERR_NO_INTERFACE', 'There is no interface "eth7".'],
  ['watch eth7 --json', 1, 'ERR_NO_INTERFACE', 'There is no interface "eth7".'],
  ['inject lo --json --count 0', 2, 'ERR_INVALID_ARGUMENT', 'for --count but received "0".'],
  ['doctor --frob --json', 2, 'ERR_INVALID_ARGUMENT', "unknown option '--frob'."],
])(
  'ends "dropscope %s" with the error as an object, too',
  async (line, exitCode, code, message) => {
    const { code: exit, stdout, stderr } = await dropscope(line.split(' '));
    expect(exit).toBe(exitCode);
    expect(objects(stdout)).toEqual([
      {
        event: 'error',
        time: expect.any(String),
        code,
        message: expect.stringContaining(message),
      },
    ]);
    expect(stderr).toContain(message);
  },
);

it('escapes what a terminal would act on in a refusal', async () => {
  const { stderr } = await dropscope(['--\u001b[31m']);
  expect(stderr).toContain("unknown option '--\\x1b[31m'.");
});

it('shows its help on stderr and exits with 2 when nothing is asked of it', async () => {
  const { code, stdout, stderr } = await dropscope([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Usage: dropscope ');
});

it('tells its version', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const { code, stdout } = await dropscope(['--version']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${version}\n` });
});

it('explains itself and its exit codes', async () => {
  const { code, stdout, stderr } = await dropscope(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const command of ['watch', 'inject', 'stats', 'doctor', 'demo']) {
    expect(stdout).toContain(`  dropscope ${command}`);
    const help = await dropscope([command, '--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain(`Usage: dropscope ${command}`);
  }
  expect(stdout).toMatch(
    /Exit codes:\n[\s\S]* 77 [\s\S]* 130 [\s\S]* 143 [\s\S]* 129 [\s\S]* 141 /,
  );
});
