import { setTimeout as sleep } from 'node:timers/promises';
import type { DropAccount } from '../drops/drop-account.ts';
import type { LostEvent } from '../drops/drop-event.ts';
import { readSoftnet, type SoftnetByCpu, softnetSince } from '../link/softnet.ts';
import { openTaps, type Tap } from '../link/taps.ts';
import type { RunningProbe } from '../probes/probe.ts';
import { LEDGER_COUNTERS, type Ledger } from './ledger.ts';
import { causesOf } from './ledger-causes.ts';
import { type LedgerLinks, type LedgerScope, linkKey, readLedgerLinks } from './ledger-links.ts';
import { ledgerRow } from './ledger-row.ts';

/** A frame that was counted and is about to be dropped is dropped by then. */
const SECOND_LOOK_MS = 5;

/** Keeps the counters as they were when a watch was armed. */
export class Bookkeeping {
  readonly #scope: LedgerScope;
  readonly #before: LedgerLinks;
  readonly #softnet: SoftnetByCpu;
  #armed: LedgerLinks;
  #since = new Date();

  /** To be made before the probe is armed. */
  constructor(scope: LedgerScope) {
    this.#scope = scope;
    this.#before = readLedgerLinks(this.#scope);
    this.#armed = this.#before;
    this.#softnet = readSoftnet();
  }

  /** To be called once it is armed. */
  armed(): void {
    this.#armed = readLedgerLinks(this.#scope);
    this.#since = new Date();
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
    const first = await this.#makeUp(running, lost);
    if (first.rows.every(({ unattributed }) => unattributed === 0n)) return first;
    await sleep(SECOND_LOOK_MS);
    return this.#makeUp(running, lost);
  }

  async #makeUp(
    running: RunningProbe,
    lost: Readonly<Record<LostEvent['where'], number>>,
  ): Promise<Ledger> {
    const before = readLedgerLinks(this.#scope);
    await running.flush();
    // Read between two readings of the counters: whatever was told by now, the second one has.
    const accounts = new Map(running.accounts().map((account) => [linkKey(account), account]));
    const after = readLedgerLinks(this.#scope);
    const placed = [...accounts.values()].reduce((all, account) => all + sum(account.lost), 0n);
    const unplaced = BigInt(lost.kernel + lost.output) - placed;
    const rows = [...after].flatMap(([key, now]) => {
      const readings = {
        first: this.#before.get(key),
        armed: this.#armed.get(key),
        before: before.get(key),
        now,
        account: accounts.get(key),
      };
      return LEDGER_COUNTERS.map((counter) => ledgerRow(counter, readings));
    });
    return {
      probe: running.name,
      since: this.#since,
      until: new Date(),
      rows: rows
        .filter(({ counted }) => counted > 0n)
        .map(({ driver, isLate, ...row }) => ({
          ...row,
          causes: causesOf(row, {
            probe: running.name,
            driver,
            isLate,
            isFiltered: this.#scope.isFiltered,
            unplaced: unplaced > 0n ? unplaced : 0n,
          }),
        })),
      taps: this.#taps(),
      softnet: softnetSince(this.#softnet, readSoftnet()),
    };
  }

  #taps(): Tap[] {
    const { networkNamespace, allNamespaces, ifindexes } = this.#scope;
    return allNamespaces ? [] : openTaps(networkNamespace, ifindexes);
  }
}

function sum(amounts: DropAccount['lost']): bigint {
  return Object.values(amounts).reduce((all, amount) => all + amount, 0n);
}
