import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { errnoName, isPermission, ProbeError, type RawSystemError } from '../../errors.ts';
import type { ProbeOptions } from '../probe.ts';

/** That of the first process, as far as can be seen from here. */
const FIRST_PROCESS = '/proc/1/ns/net';

/** It speaks to the first network namespace only, and does not say in which one a packet was dropped. */
export function checkNamespace({ networkNamespace, allNamespaces }: ProbeOptions): void {
  const reason = 'The drop monitor speaks in the first network namespace only.';
  const mend = 'Use another probe, or run it there.';
  if (networkNamespace === undefined && !allNamespaces && isFirstNamespace()) return;
  throw new ProbeError('ERR_PROBE_UNAVAILABLE', 'drop-monitor', { reason, mend });
}

function isFirstNamespace(): boolean {
  try {
    return statSync(FIRST_PROCESS).ino === statSync('/proc/self/ns/net').ino;
  } catch {
    // Without the privilege to look there: the kernel will say.
    return true;
  }
}

/** The family is not there. */
export function notLoaded(): ProbeError {
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'drop-monitor', {
    reason: 'The kernel has no drop monitor, or has not loaded it.',
    mend: 'modprobe drop_monitor (CONFIG_NET_DROP_MONITOR)',
  });
}

/** Why the kernel did not start it. */
export function explainDropMonitor(raw: RawSystemError): ProbeError {
  const options = { cause: raw };
  if (isPermission(raw)) {
    const explanation = {
      reason:
        'This process may not start the drop monitor: it lacks CAP_NET_ADMIN, or CAP_SYS_ADMIN, which Linux asks for since 6.7.',
      mend: 'Run as root, or grant them to the service (AmbientCapabilities=CAP_NET_ADMIN CAP_SYS_ADMIN in its systemd unit).',
    };
    return new ProbeError('ERR_PERMISSION', 'drop-monitor', explanation, options);
  }
  const busy = raw.errno === constants.errno.EAGAIN || raw.errno === constants.errno.EBUSY;
  const explanation = busy
    ? {
        reason: 'The drop monitor is at work already, for another program or one that was killed.',
        mend: 'End that program; where there is none, stop it by dropwatch(1).',
      }
    : {
        reason: `The kernel refused the drop monitor (${errnoName(raw.errno)}).`,
        mend: 'It needs Linux 5.4 or later.',
      };
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'drop-monitor', explanation, options);
}
