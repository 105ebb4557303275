import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { type ErrorCode, type Explanation, ProbeError } from '../../errors.ts';
import { whyNoModules } from './module-loading.ts';
import { StapFailure } from './stap.ts';

const DISTRIBUTIONS =
  'On others than Debian and Ubuntu, see the page on SystemTap of the distribution.';

const BUILD_ONE = 'See dropscope systemtap build --help.';

interface Known extends Explanation {
  readonly code?: ErrorCode;
}

/** What stap and staprun say (ANSI colours left out), and what it means. The first that fits counts. */
const KNOWN: readonly (readonly [pattern: RegExp, explain: (kernel: string) => Known])[] = [
  [/failed to execute staprun: No such file/, () => notInstalled('staprun')],
  [
    /failed to execute staprun: Permission denied|ERROR: The effective user ID of staprun|You are trying to run systemtap as a normal user/,
    notPermitted,
  ],
  [
    /Unable to canonicalize path .*: No such file/,
    () => ({ reason: 'There is no module at that path.', mend: BUILD_ONE }),
  ],
  [
    /Could not find old name to replace/,
    () => ({
      reason: 'The module was renamed: its name is written in it, too.',
      mend: `Give it its old name. ${BUILD_ONE}`,
    }),
  ],
  [
    /Section name ".*" not found in module|Error getting section/,
    () => ({ reason: 'That is no kernel module, or not a whole one.', mend: BUILD_ONE }),
  ],
  [
    /Couldn't insert module .*: Operation not permitted/,
    () =>
      whyNoModules() ?? {
        code: 'ERR_PERMISSION',
        reason: 'The kernel does not let this process load a module.',
        mend: 'Run as root, outside of any container. What the kernel says of it is in dmesg.',
      },
  ],
  [
    /Couldn't insert module .*: (Key was rejected|Required key not available)/,
    () => ({
      code: 'ERR_PERMISSION',
      reason: 'The kernel loads signed modules only, and does not know who signed this one.',
      mend: 'Sign it with a key that the kernel knows, or boot without Secure Boot.',
    }),
  ],
  [/Checking "\/lib\/modules\/.*" failed with error: No such file/, missingHeaders],
  [/missing .* debuginfo|cannot find module kernel debuginfo/, missingDebuginfo],
  [/no match \(similar functions/, noSuchPoint],
  [/no match/, whyNothingFound],
  [
    /Invalid module format|version magic|disagrees about version of symbol|Build-id mismatch/i,
    (kernel) => ({
      reason: `The module was built for another kernel than the one that runs (${kernel}).`,
      mend: `Build it for this one: dropscope systemtap build --release ${kernel}`,
    }),
  ],
  [
    /incompatible-pointer-types|modpost: .* undefined|Can't resolve/,
    (kernel) => ({
      reason: `This SystemTap does not fit this kernel (${kernel}).`,
      mend: 'Install a later SystemTap.',
    }),
  ],
];

/** The same error, or what a StapFailure means, for a kernel. */
export function explained(error: unknown, kernel?: string): unknown {
  return error instanceof StapFailure ? explainStap(error, kernel) : error;
}

/**
 * Why SystemTap does not work: a ProbeError with its last words. `kernel`: for which it was to work, by
 * default the one that runs.
 */
export function explainStap(failure: StapFailure, kernel: string = release()): ProbeError {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours come even into files.
  const stderr = failure.stderr.replace(/\x1b\[[\d;]*[mK]/g, '');
  const { code = 'ERR_PROBE_UNAVAILABLE', ...explanation } = explain(failure, stderr, kernel);
  return new ProbeError(code, 'systemtap', explanation, { cause: failure, stderr });
}

function explain(failure: StapFailure, stderr: string, kernel: string): Known {
  if (failure.code === 'ENOENT') return notInstalled(failure.command);
  if (failure.code === 'EACCES') return notPermitted();
  if (failure.signal !== undefined) {
    return { reason: `${failure.command} was ended by ${failure.signal}.`, mend: '' };
  }
  // stap -L, and a tip of Debian's.
  const silent = stderr.replace(/^Tip: .*$/gm, '').trim() === '';
  if (silent && failure.command === 'stap') return whyNothingFound(kernel);
  for (const [pattern, explanation] of KNOWN) {
    if (pattern.test(stderr)) return explanation(kernel);
  }
  const last = /^.*ERROR: *(.*)$|^.*error: *(.*)$/m.exec(stderr);
  return { reason: `${failure.command} failed. ${last?.[1] ?? last?.[2] ?? ''}`.trim(), mend: '' };
}

function notPermitted(): Known {
  return {
    code: 'ERR_PERMISSION',
    reason: 'SystemTap loads a kernel module, which this process may not do.',
    mend: 'Run as root.',
  };
}

function notInstalled(command: string): Known {
  const package_ = command === 'setpriv' ? 'util-linux' : 'systemtap';
  return {
    reason: `There is no ${command}: ${package_} is not installed.`,
    mend: `Install it: apt-get install ${package_}. ${DISTRIBUTIONS}`,
  };
}

/** The kernel has debug information, and yet not what the script looks for. */
export function noSuchPoint(kernel: string): Known {
  return {
    reason: `This kernel (${kernel}) has no such function or label as the script looks for.`,
    mend: 'See what it has: stap -L \'kernel.function("__netif_receive_skb_core").label("*")\'',
  };
}

function missingHeaders(kernel: string): Known {
  return {
    reason: `SystemTap compiles a kernel module, and the headers of this kernel (${kernel}) are not here.`,
    mend: `Install them: apt-get install linux-headers-${kernel}. ${DISTRIBUTIONS}`,
  };
}

function missingDebuginfo(kernel: string): Known {
  const package_ = existsSync('/etc/lsb-release')
    ? `linux-image-${kernel}-dbgsym (from ddebs.ubuntu.com)`
    : `linux-image-${kernel}-dbg`;
  return {
    reason: `SystemTap needs the debug information of this kernel (${kernel}), which is not here.`,
    mend: `Install it: apt-get install ${package_}. ${DISTRIBUTIONS}`,
  };
}

/** What is missing where `stap -L` finds nothing, of which it says nothing. */
function whyNothingFound(kernel: string): Known {
  const vmlinux = [
    `/usr/lib/debug/lib/modules/${kernel}/vmlinux`,
    `/usr/lib/debug/boot/vmlinux-${kernel}`,
  ];
  return vmlinux.some(existsSync) ? noSuchPoint(kernel) : missingDebuginfo(kernel);
}
