import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { type ErrorCode, type Explanation, ProbeError } from '../../errors.ts';
import type { StapFailure } from './stap.ts';

const DISTRIBUTIONS =
  'On others than Debian and Ubuntu, see the page on SystemTap of the distribution.';

interface Known extends Explanation {
  readonly code?: ErrorCode;
}

/** What stap and staprun say (ANSI colours left out), and what it means. */
const KNOWN: readonly (readonly [pattern: RegExp, explain: (kernel: string) => Known])[] = [
  [
    /You are trying to run systemtap as a normal user|ERROR: The effective user ID of staprun/,
    () => ({
      code: 'ERR_PERMISSION',
      reason: 'SystemTap loads a kernel module, which this process may not do.',
      mend: 'Run as root.',
    }),
  ],
  [
    /Couldn't insert module .*: Operation not permitted/,
    () => ({
      code: 'ERR_PERMISSION',
      reason:
        'The kernel loads no module that is not signed: it is locked down, or Secure Boot is on.',
      mend: 'Boot without Secure Boot and lockdown, or sign the module: man 7 kernel_lockdown.',
    }),
  ],
  [/Checking "\/lib\/modules\/.*" failed with error: No such file/, missingHeaders],
  [/missing .* kernel\/module debuginfo|cannot find module kernel debuginfo/, missingDebuginfo],
  [
    /no match|while resolving probe point/,
    (kernel) => ({
      reason: `This kernel (${kernel}) has no such function or label as the script looks for.`,
      mend: 'See what it has: stap -L \'kernel.function("__netif_receive_skb_core").label("*")\'',
    }),
  ],
  [
    /(Invalid module format|version magic|disagrees about version of symbol)/,
    (kernel) => ({
      reason: `The module was built for another kernel than the one that runs (${kernel}).`,
      mend: `Build it for this one: dropscope systemtap build --release ${kernel}`,
    }),
  ],
  [
    /incompatible-pointer-types|modpost: .* undefined|Can't resolve/,
    (kernel) => ({
      reason: `This SystemTap does not fit this kernel (${kernel}).`,
      mend: 'Install a later SystemTap, or one from the same release as the kernel.',
    }),
  ],
];

/**
 * Why SystemTap does not work: a ProbeError with its last words. `end`: how it ended; `kernel`: for
 * which it was to work, by default the one that runs.
 */
export function explainStap(
  failure: StapFailure,
  {
    end = `${failure.command} failed.`,
    kernel = release(),
  }: { end?: string; kernel?: string } = {},
): ProbeError {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours come even into files.
  const stderr = failure.stderr.replace(/\x1b\[[\d;]*[mK]/g, '');
  const { code = 'ERR_PROBE_UNAVAILABLE', ...explanation } = explain(failure, stderr, end, kernel);
  return new ProbeError(code, 'systemtap', explanation, { cause: failure, stderr });
}

function explain(failure: StapFailure, stderr: string, end: string, kernel: string): Known {
  if (failure.code === 'ENOENT') return notInstalled(failure.command);
  for (const [pattern, explanation] of KNOWN) {
    if (pattern.test(stderr)) return explanation(kernel);
  }
  const last = /^.*ERROR: *(.*)$|^.*error: *(.*)$/m.exec(stderr);
  return { reason: `${end} ${last?.[1] ?? last?.[2] ?? ''}`.trim(), mend: '' };
}

function notInstalled(command: string): Known {
  return {
    reason: `There is no ${command}: SystemTap is not installed.`,
    mend: `Install it: apt-get install systemtap. ${DISTRIBUTIONS}`,
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

/** What is missing that can be seen at once; undefined: nothing. */
export function missingFor(kernel: string): Known | undefined {
  if (!existsSync(`/lib/modules/${kernel}/build/Makefile`)) return missingHeaders(kernel);
  const vmlinux = [
    `/usr/lib/debug/lib/modules/${kernel}/vmlinux`,
    `/usr/lib/debug/boot/vmlinux-${kernel}`,
  ];
  return vmlinux.some(existsSync) ? undefined : missingDebuginfo(kernel);
}
