import { setTimeout as sleep } from 'node:timers/promises';
import type { DropAccount } from '../drops/drop-account.ts';
import type { LostEvent } from '../drops/drop-event.ts';
import { DropscopeError } from '../errors.ts';
import {
  readSoftnet,
  type SoftnetByCpu,
  type SoftnetStats,
  softnetSince,
} from '../link/softnet.ts';
import type { RunningProbe } from '../probes/probe.ts';
import { positive } from './amounts.ts';
import { LEDGER_COUNTERS, type Ledger, type LedgerRow, type LedgerUnknown } from './ledger.ts';
import { causesOf } from './ledger-causes.ts';
import {
  type LedgerLinks,
  type LedgerReading,
  type LedgerScope,
  LinkReader,
  linkKey,
  sameLink,
} from './ledger-links.ts';
import { ledgerRow } from './ledger-row.ts';

/** A frame that was counted and is about to be dropped is dropped by then. */
const SECOND_LOOK_MS = 5;

/** Keeps the counters as they were when a watch was armed. */
export class Bookkeeping {
  readonly #scope: LedgerScope;
  readonly #reader: LinkReader;
  readonly #before: LedgerLinks;
  readonly #softnet: SoftnetByCpu | DropscopeError;
  #armed: LedgerLinks;
  #since = new Date();

  /** To be made before the probe is armed. */
  constructor(scope: LedgerScope) {
    this.#scope = scope;
    this.#reader = new LinkReader(scope);
    try {
      this.#before = this.#readLinks();
    } catch (error) {
      this.close();
      throw error;
    }
    this.#armed = this.#before;
    this.#softnet = trySoftnet();
  }

  /** To be called once it is armed. The ebpf probe itself notes what the counters are at that moment. */
  armed({ name }: Pick<RunningProbe, 'name'>): void {
    if (name !== 'ebpf') this.#armed = this.#readLinks();
    this.#since = new Date();
  }

  /** May be called twice. */
  close(): void {
    this.#reader.close();
  }

  /** When the probe was armed. */
  get since(): Date {
    return this.#since;
  }

  /** The ledger of a running probe. `lost`: what it lost so far. */
  async ledger(
    running: RunningProbe,
    lost: Readonly<Record<LostEvent['where'], number>>,
  ): Promise<Ledger> {
    using reading = this.#reader.open();
    let rows = await this.#rows(reading, running, lost);
    if (rows.some(({ unattributed }) => unattributed > 0n)) {
      await sleep(SECOND_LOOK_MS);
      rows = await this.#rows(reading, running, lost);
    }
    const until = new Date();
    const taps = reading.taps();
    const softnet = this.#softnetSince();
    return {
      probe: running.name,
      since: this.#since,
      until,
      rows,
      taps,
      ...('reason' in softnet ? {} : { softnet }),
      unknown: 'reason' in softnet ? [...reading.unknown, softnet] : reading.unknown,
    };
  }

  #softnetSince(): SoftnetStats | LedgerUnknown {
    const [before, now] = [this.#softnet, trySoftnet()];
    if (before instanceof DropscopeError) return { what: 'softnet', reason: before.reason };
    if (now instanceof DropscopeError) return { what: 'softnet', reason: now.reason };
    return softnetSince(before, now);
  }

  #readLinks(): LedgerLinks {
    using reading = this.#reader.open();
    return reading.links();
  }

  async #rows(
    reading: LedgerReading,
    running: RunningProbe,
    lost: Readonly<Record<LostEvent['where'], number>>,
  ): Promise<LedgerRow[]> {
    const before = reading.links();
    await running.flush();
    // Read between two readings of the counters: whatever was told by now, the second one has.
    const known = await running.accounts();
    const accounts = new Map(known.map((account) => [linkKey(account), account]));
    const after = reading.links();
    const placed = [...accounts.values()].reduce((all, account) => all + sum(account.lost), 0n);
    const unplaced = BigInt(lost.kernel + lost.output) - placed;
    const rows = [...after].flatMap(([key, now]) => {
      const readings = {
        first: sameLink(this.#before.get(key), now),
        armed: sameLink(this.#armed.get(key), now),
        before: sameLink(before.get(key), now),
        now,
        account: accounts.get(key),
      };
      return LEDGER_COUNTERS.map((counter) => ledgerRow(counter, readings));
    });
    return rows
      .filter(({ counted }) => counted > 0n)
      .map(({ driver, refusedByPeer, freedFirst, isLate, ...row }) => ({
        ...row,
        causes: causesOf(row, {
          probe: running.name,
          driver,
          refusedByPeer,
          freedFirst,
          isLate,
          isFiltered: this.#scope.isFiltered,
          unplaced: positive(unplaced),
        }),
      }));
  }
}

/** The error where they cannot be read: a watch works without them. */
function trySoftnet(): SoftnetByCpu | DropscopeError {
  try {
    return readSoftnet();
  } catch (error) {
    if (!(error instanceof DropscopeError)) throw error;
    return error;
  }
}

function sum(amounts: DropAccount['lost']): bigint {
  return Object.values(amounts).reduce((all, amount) => all + amount, 0n);
}
