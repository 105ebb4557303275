import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode, Explanation } from '../../errors.ts';

/** What keeps this process or this kernel from loading a module. */
export interface Refusal extends Explanation {
  readonly code: ErrorCode;
}

/** CAP_SYS_MODULE in linux/capability.h */
const CAP_SYS_MODULE = 16n;

/**
 * Why this kernel would refuse a module that nobody signed; undefined: for nothing that can be seen.
 * `root`: where its files are. A process without privileges may yet be refused by staprun.
 */
export function whyNoModules(root = '/'): Refusal | undefined {
  const read = (path: string) => contents(join(root, path));
  if (!existsSync(join(root, 'proc/modules'))) {
    return unavailable(
      'This kernel loads no modules: it was built without them.',
      'Use another probe, or a kernel with CONFIG_MODULES.',
    );
  }
  if (read('proc/sys/kernel/modules_disabled').trim() === '1') {
    return permission(
      'This kernel loads no more modules: kernel.modules_disabled is 1.',
      'Boot anew, with that left at 0.',
    );
  }
  const [, lockdown] =
    /\[(integrity|confidentiality)\]/.exec(read('sys/kernel/security/lockdown')) ?? [];
  if (lockdown !== undefined) return lockedDown(lockdown, secureBoot(root));
  if (read('sys/module/module/parameters/sig_enforce').trim() === 'Y') {
    return permission(
      'This kernel loads signed modules only: module.sig_enforce is Y.',
      'Boot without module.sig_enforce=1 on its command line.',
    );
  }
  return isRoot() && !hasCapability(read('proc/self/status'))
    ? permission(
        'SystemTap loads a kernel module, and this process has no CAP_SYS_MODULE: is it in a container?',
        'Run it outside, or grant CAP_SYS_MODULE.',
      )
    : undefined;
}

function lockedDown(mode: string, bySecureBoot: boolean): Refusal {
  const reason = `This kernel loads signed modules only: it is locked down (${mode})`;
  return bySecureBoot
    ? permission(
        `${reason}, for Secure Boot is on.`,
        'Turn Secure Boot off: in the firmware, or by mokutil --disable-validation.',
      )
    : permission(
        `${reason}.`,
        'Boot without lockdown= on its command line: see man 7 kernel_lockdown.',
      );
}

/** The variable's value is a byte behind four of attributes: efivarfs in the kernel's documentation. */
function secureBoot(root: string): boolean {
  try {
    const folder = join(root, 'sys/firmware/efi/efivars');
    const name = readdirSync(folder).find((file) => file.startsWith('SecureBoot-'));
    return name !== undefined && readFileSync(join(folder, name))[4] === 1;
  } catch {
    return false;
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function hasCapability(status: string): boolean {
  const [, effective = '0'] = /^CapEff:\s*([\da-f]+)$/m.exec(status) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_SYS_MODULE) & 1n) === 1n;
}

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function permission(reason: string, mend: string): Refusal {
  return { code: 'ERR_PERMISSION', reason, mend };
}

function unavailable(reason: string, mend: string): Refusal {
  return { code: 'ERR_PROBE_UNAVAILABLE', reason, mend };
}
