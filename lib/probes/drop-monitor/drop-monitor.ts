import { statSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { DropAccount } from '../../drops/drop-account.ts';
import type { DropEvent } from '../../drops/drop-event.ts';
import { EventBatch } from '../../drops/event-batch.ts';
import {
  asked,
  DropscopeError,
  errnoName,
  isRawSystemError,
  systemCallFailed,
} from '../../errors.ts';
import { interfaceName } from '../../link/interface.ts';
import { type NetlinkSocket, native } from '../../native.ts';
import { exchange } from '../../netlink/netlink-exchange.ts';
import { decodeMessages, type NetlinkMessage } from '../../netlink/netlink-message.ts';
import { AccountingSink } from '../accounting-sink.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from '../probe.ts';
import { TRIAL_OPTIONS, TRIAL_SINK } from '../trial.ts';
import { makeFilter } from './drop-filter.ts';
import { counterMoved, dropEvent, LONGEST_HEADER } from './dropped-frame.ts';
import { checkNamespace, explainDropMonitor, notLoaded } from './explain-drop-monitor.ts';
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

/** Most datagrams that one turn of the event loop takes; an alert is one. */
const DATAGRAMS_A_TURN = 4096;

/** Room for a burst of alerts. */
const LEAST_RECEIVE_BYTES = 2 ** 24;

/** By then the kernel has sent what it had queued, as a rule: nothing tells when. */
const FLUSH_MS = 20;

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
    throw isRawSystemError(error) ? explainDropMonitor(error) : error;
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
        asked('stopping the drop monitor', () => exchange(control, stopRequest(family)));
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
