import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { DropAccount } from '../../drops/drop-account.ts';
import type { DropEvent } from '../../drops/drop-event.ts';
import { EventBatch } from '../../drops/event-batch.ts';
import {
  DropscopeError,
  errnoName,
  isPermission,
  isRawSystemError,
  ProbeError,
  systemCallFailed,
} from '../../errors.ts';
import { formatMacAddress } from '../../ethernet/mac-address.ts';
import { interfaceName } from '../../link/interface.ts';
import { type NetlinkSocket, native } from '../../native.ts';
import { exchange } from '../../netlink/netlink-exchange.ts';
import { decodeMessages, type NetlinkMessage } from '../../netlink/netlink-message.ts';
import { AccountingSink } from '../accounting-sink.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from '../probe.ts';
import { TRIAL_OPTIONS, TRIAL_SINK } from '../trial.ts';
import { counterMoved, dropEvent, LONGEST_HEADER } from './dropped-frame.ts';
import {
  configRequest,
  decodeAlert,
  decodeStats,
  familiesRequest,
  findNetDm,
  type NetDmFamily,
  startRequest,
  statsRequest,
  stopRequest,
} from './net-dm.ts';

/** NETLINK_GENERIC in linux/netlink.h */
const GENERIC = 16;

/** Packets that may wait on each CPU: NET_DM_ATTR_QUEUE_LEN. The kernel's default is 1000. */
const QUEUE_LENGTH = 10_000;

/** How often the kernel is asked what it had no room for. */
const STATS_INTERVAL_MS = 1000;

/** That of the first process, as far as can be seen from here. */
const FIRST_PROCESS = '/proc/1/ns/net';

/**
 * Sees drops by the kernel's drop monitor: its module tells of each packet by generic netlink, those
 * of the hardware too.
 */
export const dropMonitorProbe: DropProbe = {
  name: 'drop-monitor',

  async check(): Promise<ProbeReport> {
    const report = { probe: 'drop-monitor', remarks: [], details: [] } as const;
    try {
      const running = start(TRIAL_OPTIONS, TRIAL_SINK);
      await running.close();
      return { ...report, available: true };
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      return { ...report, available: false, reason: error.reason, mend: error.mend };
    }
  },

  async start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
    return start(options, sink);
  },
};

function start(options: ProbeOptions, sink: ProbeSink): RunningProbe {
  checkNamespace(options);
  const { NetlinkSocket } = native();
  const sockets: NetlinkSocket[] = [];
  const open = () => {
    const socket = new NetlinkSocket(GENERIC);
    sockets.push(socket);
    return socket;
  };
  try {
    const control = open();
    const family = findNetDm(exchange(control, familiesRequest()));
    if (family === undefined) throw notLoaded();
    return new DropMonitoring({ control, alerts: open(), family }, options, sink);
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw isRawSystemError(error) ? explain(error) : error;
  }
}

/** How the drop monitor is reached. */
interface Monitor {
  readonly family: NetDmFamily;
  /** For requests and their answers. */
  readonly control: NetlinkSocket;
  /** For alerts, which may fill it. */
  readonly alerts: NetlinkSocket;
}

class DropMonitoring implements RunningProbe {
  readonly name = 'drop-monitor';
  readonly #monitor: Monitor;
  readonly #options: ProbeOptions;
  readonly #sink: AccountingSink;
  readonly #passes: (drop: DropEvent) => boolean;
  readonly #netns = statSync('/proc/self/ns/net').ino;
  readonly #timer: NodeJS.Timeout;
  #lost: number;
  #failed = false;

  constructor(monitor: Monitor, options: ProbeOptions, sink: ProbeSink) {
    const { control, alerts, family } = monitor;
    this.#monitor = monitor;
    this.#options = options;
    this.#sink = new AccountingSink(sink);
    this.#passes = makeFilter(options);
    const truncLen = Math.max(options.headerBytes, LONGEST_HEADER);
    exchange(control, configRequest(family, truncLen, QUEUE_LENGTH));
    alerts.setReceiveBuffer(Math.max(options.ringBytes, LEAST_RECEIVE_BYTES));
    alerts.join(family.group);
    alerts.onReadable(() => this.#try(() => this.#read()));
    this.#lost = this.#readLost();
    exchange(control, startRequest(family));
    this.#timer = setInterval(() => this.#try(() => this.#tellLost()), STATS_INTERVAL_MS).unref();
  }

  /** What the kernel has queued is sent by a work item, shortly after the drop. */
  async flush(): Promise<void> {
    await sleep(FLUSH_MS);
    while (this.#try(() => this.#read()) === DATAGRAMS_A_TURN) await nextTurn();
    this.#try(() => this.#tellLost());
  }

  accounts(): DropAccount[] {
    return this.#sink.all();
  }

  /** Stopping throws away what the kernel has still queued: so that is waited for. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const { control, alerts, family } = this.#monitor;
    try {
      await this.flush();
    } finally {
      try {
        // Whatever has failed: else it goes on for nobody, and lets nobody else use it.
        exchange(control, stopRequest(family));
        this.#try(() => this.#read());
        this.#try(() => this.#tellLost());
      } finally {
        control.close();
        alerts.close();
      }
    }
  }

  ref(): void {
    this.#monitor.alerts.ref();
  }

  unref(): void {
    this.#monitor.alerts.unref();
  }

  /** What `act` gives; undefined where the kernel refuses it: then the probe cannot go on. */
  #try<T>(act: () => T): T | undefined {
    if (this.#failed) return undefined;
    try {
      return act();
    } catch (error) {
      if (!isRawSystemError(error)) throw error;
      this.#failed = true;
      this.#sink.failed(systemCallFailed(error, 'reading what the drop monitor tells'));
      return undefined;
    }
  }

  /** Takes what waits, as much as one turn takes; gives how many datagrams that were. */
  #read(): number {
    for (let read = 0; read < DATAGRAMS_A_TURN; read++) {
      const datagram = this.#receive();
      if (datagram === undefined) return read;
      this.#take(decodeMessages(datagram));
    }
    return DATAGRAMS_A_TURN;
  }

  /** Where the socket had no room, it says so once; how many alerts are lost #tellLost() asks. */
  #receive(): Uint8Array | undefined {
    const { alerts } = this.#monitor;
    try {
      return alerts.receive();
    } catch (error) {
      if (!isRawSystemError(error) || errnoName(error.errno) !== 'ENOBUFS') throw error;
      return alerts.receive();
    }
  }

  #take(messages: readonly NetlinkMessage[]): void {
    const drops: DropEvent[] = [];
    const names = new Map<number, string>([[0, '']]);
    for (const message of messages) {
      if (message.type !== this.#monitor.family.id) continue;
      const alert = decodeAlert(message);
      if (alert === undefined) continue;
      const { ifindex } = alert;
      const name = names.get(ifindex) ?? interfaceName(ifindex);
      names.set(ifindex, name);
      // It is of another network namespace.
      if (ifindex !== 0 && name === '') continue;
      const link = { name, netns: this.#netns };
      const drop = dropEvent(alert, link, this.#options.headerBytes);
      if (!this.#passes(drop)) continue;
      if (ifindex !== 0) this.#sink.tell(ifindex, drop.netns, counterMoved(drop), 1);
      drops.push(drop);
    }
    if (drops.length > 0) this.#sink.batch(new EventBatch(this.name, drops));
  }

  #tellLost(): void {
    const lost = this.#readLost();
    const count = lost - this.#lost;
    this.#lost = lost;
    if (count > 0) this.#sink.lost({ probe: this.name, count, where: 'kernel' });
  }

  #readLost(): number {
    const { control, alerts, family } = this.#monitor;
    return decodeStats(exchange(control, statsRequest(family))) + alerts.lost();
  }
}

/** Most datagrams that one turn of the event loop takes; an alert is one. */
const DATAGRAMS_A_TURN = 4096;

/** Room for a burst: an alert takes about half a KiB. */
const LEAST_RECEIVE_BYTES = 2 ** 24;

const FLUSH_MS = 20;

/** Whether a drop was asked for: the kernel tells of all. */
function makeFilter(options: ProbeOptions): (drop: DropEvent) => boolean {
  const among = <T>(wanted: readonly T[]) => {
    const values = new Set(wanted);
    return (value: T) => values.size === 0 || values.has(value);
  };
  const mac = (bytes: Uint8Array) => formatMacAddress(bytes);
  const ifindex = among(options.ifindexes);
  const source = among(options.sources.map(mac));
  const destination = among(options.destinations.map(mac));
  const etherType = among(options.etherTypes);
  const reason = among(options.reasons.map((name) => name.toUpperCase()));
  const counted = options.scope === 'counted';
  return (drop) =>
    (!counted || counterMoved(drop) !== undefined) &&
    ifindex(drop.ifindex) &&
    source(drop.source) &&
    destination(drop.destination) &&
    etherType(drop.etherType) &&
    reason(drop.reason ?? '');
}

/** It speaks to the first network namespace only, and does not say where a packet was dropped. */
function checkNamespace({ networkNamespace, allNamespaces }: ProbeOptions): void {
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

function notLoaded(): ProbeError {
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'drop-monitor', {
    reason: 'The kernel has no drop monitor, or has not loaded it.',
    mend: 'modprobe drop_monitor (CONFIG_NET_DROP_MONITOR)',
  });
}

function explain(raw: Parameters<typeof systemCallFailed>[0]): ProbeError {
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
