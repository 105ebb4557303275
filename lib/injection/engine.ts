import { constants } from 'node:os';
import {
  type Explanation,
  errnoName,
  invalidArgument,
  isPermission,
  type RawSystemError,
  SystemCallError,
  shown,
  systemCallFailed,
} from '../errors.ts';
import { type BpfCapability, missingCapabilities, thisMachine } from '../kernel/machine.ts';
import { isOlder } from '../kernel-version.ts';
import type { NativeFloodPlan } from '../native.ts';
import { packetSocketFailed } from './send-errors.ts';

/**
 * How a flood sends. 'sendmmsg': through a packet socket, as all else does. 'af-xdp': past the queueing
 * discipline, and unseen by taps of the sender. 'live-frames': made in the kernel and handed to the driver,
 * past the same; needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, Linux 5.18 and a driver that sends what XDP redirects.
 */
export type EngineName = 'sendmmsg' | 'af-xdp' | 'live-frames';

/** One at least, to be tried in their order. */
export type Engines = readonly [EngineName, ...EngineName[]];

/** An engine that was asked for and could not be had. */
export interface PassedOver {
  readonly engine: EngineName;
  /** Why, and the mend. */
  readonly reason: string;
}

/** Which way frames go through an interface. */
export type Direction = 'transmit' | 'receive';

/** All there are. */
export const ENGINE_NAMES: Engines = ['sendmmsg', 'af-xdp', 'live-frames'];

/** Those by which frames are received. */
export const RECEIVE_ENGINES: Engines = ['live-frames'];

/** enum class Engine of native/kernel/engine.h. */
export function engineNumber(engine: EngineName, direction: Direction): NativeFloodPlan['engine'] {
  if (engine === 'sendmmsg') return 0;
  if (engine === 'af-xdp') return 1;
  return direction === 'transmit' ? 2 : 3;
}

/**
 * The engines to try, by default the first that is able to. ArgumentError for what is none, or cannot do it.
 */
export function planEngines(
  wanted: EngineName | readonly EngineName[] | undefined,
  able: Engines,
  argument: string,
): Engines {
  const [best] = able;
  if (wanted === undefined) return [best];
  const list: readonly EngineName[] = typeof wanted === 'string' ? [wanted] : wanted;
  const [first, ...others] = Array.isArray(list) ? list : [];
  if (first !== undefined && [first, ...others].every((one) => able.includes(one))) {
    return [first, ...others];
  }
  const expected = able.length === 1 ? best : `one or several of ${able.join(', ')}`;
  throw invalidArgument(argument, expected, wanted);
}

/** LiveFrames::kLongest of native/kernel/live_frames.h. */
export const LIVE_LONGEST = 3400;
/** LIVE_MAX_TEMPLATES and LIVE_MAX_FIELDS of native/kernel/live_frames_plan.h. */
const LIVE_FRAMES = 16_384;
const LIVE_FIELDS = 16;
/** A frame by itself takes some 20 us. */
const LIVE_RATE = 20_000;
/** The last one is what the program's loader takes. */
const LIVE_CAPABILITIES: readonly BpfCapability[] = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'];
/** XdpSender::kLongest of native/kernel/xdp_sender.h. */
const XDP_LONGEST = 4096;

/** Those engines that can do what is planned. ArgumentError where none can. */
export function chooseEngines(
  wanted: Engines,
  plan: NativeFloodPlan,
): { engines: Engines; passedOver: readonly PassedOver[] } {
  const passedOver: PassedOver[] = [];
  const engines: EngineName[] = [];
  for (const engine of wanted) {
    const limit = tooMuchFor(engine, plan);
    if (limit === undefined) engines.push(engine);
    else passedOver.push({ engine, reason: `${engine} takes ${limit}.` });
  }
  const [first, ...others] = engines;
  if (first !== undefined) return { engines: [first, ...others], passedOver };
  const why = passedOver.map(({ reason }) => reason).join(' ');
  throw invalidArgument('plan.engine', 'an engine that can do this', wanted.join(', '), why);
}

/** What of a plan is too much for an engine; undefined: nothing. */
function tooMuchFor(engine: EngineName, plan: NativeFloodPlan): string | undefined {
  if (engine === 'sendmmsg') return undefined;
  const longest = plan.lengths.reduce((one, other) => Math.max(one, other), 0);
  const limit = engine === 'af-xdp' ? XDP_LONGEST : LIVE_LONGEST;
  if (longest > limit) return `frames of at most ${limit} bytes, not ${longest}`;
  if (engine === 'af-xdp') return undefined;
  if (plan.lengths.length > LIVE_FRAMES) {
    return `at most ${LIVE_FRAMES} frames, not ${plan.lengths.length}`;
  }
  if (plan.fields.length > LIVE_FIELDS) {
    return `at most ${LIVE_FIELDS} fields that vary, not ${plan.fields.length}`;
  }
  if (plan.framesPerSecond > LIVE_RATE) {
    return `at most ${LIVE_RATE} frames a second, not ${plan.framesPerSecond}, or as many as it goes`;
  }
  return undefined;
}

/** Why an engine cannot be had. `target`: the interface's name, or its index. */
export function engineFailed(
  raw: RawSystemError,
  engine: EngineName,
  target: string | number,
  threads: number,
): SystemCallError {
  if (raw.syscall === 'clone') return systemCallFailed(raw, 'starting a thread');
  if (engine === 'sendmmsg' || (engine === 'af-xdp' && isPermission(raw))) {
    return packetSocketFailed(raw, 'opening a socket');
  }
  const link = typeof target === 'string' ? shown(target) : `with index ${target}`;
  const code = 'ERR_ENGINE_UNAVAILABLE';
  if (engine === 'af-xdp') return new SystemCallError(code, explainXdp(raw, link, threads), raw);
  const privilege = explainLivePrivilege(raw);
  if (privilege !== undefined) return new SystemCallError('ERR_PERMISSION', privilege, raw);
  return new SystemCallError(code, explainLive(raw, link), raw);
}

/** xsk_bind() in net/xdp/xsk.c, and xdp_umem_account_pages() in net/xdp/xdp_umem.c. */
function explainXdp(raw: RawSystemError, link: string, threads: number): Explanation {
  switch (errnoName(raw.errno)) {
    case 'EBUSY':
      return {
        reason: `A transmit queue of interface ${link} has another AF_XDP socket.`,
        mend: 'Close that one: ss --xdp -p',
      };
    case 'EINVAL':
      return {
        reason: `Interface ${link} has fewer than ${threads} transmit queues: af-xdp takes one for each thread.`,
        mend: 'Ask for fewer threads, or for another engine.',
      };
    case 'ENOBUFS':
    case 'ENOMEM':
      return {
        reason: `The memory that this process may lock is too little for af-xdp (${errnoName(raw.errno)}).`,
        mend: 'Raise it: LimitMEMLOCK=64M in its systemd unit, or ulimit -l.',
      };
    case 'EAFNOSUPPORT':
      return {
        reason: 'This kernel is built without AF_XDP (CONFIG_XDP_SOCKETS).',
        mend: 'Ask for another engine.',
      };
    default:
      return {
        reason: `The kernel refused ${raw.syscall} for AF_XDP on interface ${link}: ${errnoName(raw.errno)}.`,
        mend: '',
      };
  }
}

/** bpf_prog_test_run_xdp() in net/bpf/test_run.c. */
function explainLive(raw: RawSystemError, link: string): Explanation {
  if (raw.errno === constants.errno.EOPNOTSUPP) {
    return {
      reason: `Live frames do not leave interface ${link}: its driver refused them, or its tx_packets did not count them.`,
      mend: 'Use another engine; of a veth pair, let the peer take them: ethtool -K <peer> gro on',
    };
  }
  if (isOlder(thisMachine().release, [5, 18])) {
    return {
      reason: `This kernel (${thisMachine().release}) has no live frames: they came with Linux 5.18.`,
      mend: 'Ask for another engine, or use a newer kernel.',
    };
  }
  return {
    reason: `The kernel refused live frames on interface ${link} (${raw.syscall}: ${errnoName(raw.errno)}).`,
    mend: '',
  };
}

/** undefined: that is not what is in the way. Without CAP_PERFMON the verifier answers EINVAL. */
function explainLivePrivilege(raw: RawSystemError): Explanation | undefined {
  if (!['EPERM', 'EACCES', 'EINVAL'].includes(errnoName(raw.errno))) return undefined;
  const machine = thisMachine();
  const missing = missingCapabilities(machine, LIVE_CAPABILITIES);
  const grant = `AmbientCapabilities=${LIVE_CAPABILITIES.join(' ')}`;
  if (missing.length > 0) {
    return {
      reason: `This process may not load the BPF program that makes frames: it lacks ${missing.join(' and ')}.`,
      mend: `Run as root, or grant what it needs to the service (${grant} in its systemd unit).`,
    };
  }
  if (!isPermission(raw)) return undefined;
  return {
    reason: machine.userNamespace
      ? 'This process is in a user namespace, where the kernel refuses BPF whatever capabilities it shows.'
      : 'This process has the capabilities, but a seccomp filter or a security module refuses bpf(2).',
    mend: machine.userNamespace
      ? 'Run it outside, with the capabilities of the host.'
      : 'In a container: Docker 23 or later, or --security-opt seccomp=unconfined.',
  };
}
