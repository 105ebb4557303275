import { statSync } from 'node:fs';
import type { DropAccount } from '../drops/drop-account.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';
import { DropscopeError, ProbeError } from '../errors.ts';
import { counterValue } from '../link/counter-fields.ts';
import { readLinkRecords } from '../link/link-record.ts';
import type { LinkStats } from '../link/link-stats.ts';
import { openLinks } from '../link/network-namespace.ts';
import type { LinkTable } from '../native.ts';
import type { DropProbe, ProbeOptions, ProbeReport, ProbeSink, RunningProbe } from './probe.ts';

/** How often the counters are read. */
const INTERVAL_MS = 1000;

/**
 * Sees by how much link counters rise, and nothing of the frames; needs no privilege. A link that
 * comes later is told with all that it has counted.
 */
export const countersProbe: DropProbe = {
  name: 'counters',

  async check(): Promise<ProbeReport> {
    const report = { probe: 'counters', remarks: [], details: [] } as const;
    try {
      readLinkRecords(0);
      return { ...report, available: true };
    } catch (error) {
      if (!(error instanceof DropscopeError)) throw error;
      return { ...report, available: false, reason: error.reason, mend: error.mend };
    }
  },

  async start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe> {
    checkOptions(options);
    return new CounterReading(options, sink);
  },
};

class CounterReading implements RunningProbe {
  readonly name = 'counters';
  readonly #sink: ProbeSink;
  readonly #links: LinkTable;
  readonly #netns: number;
  readonly #ifindexes: ReadonlySet<number>;
  readonly #timer: NodeJS.Timeout;
  #last: Map<number, LinkStats>;
  #failed = false;

  constructor({ networkNamespace, ifindexes }: ProbeOptions, sink: ProbeSink) {
    this.#sink = sink;
    this.#ifindexes = new Set(ifindexes);
    this.#netns = statSync(networkNamespace ?? '/proc/self/ns/net').ino;
    this.#links = openLinks(networkNamespace, 'options.networkNamespace');
    try {
      this.#last = this.#read();
    } catch (error) {
      this.#links.close();
      throw error;
    }
    this.#timer = setInterval(() => this.flush(), INTERVAL_MS);
  }

  flush(): void {
    if (this.#failed) return;
    try {
      const now = this.#read();
      for (const link of now.values()) this.#tell(link);
      this.#last = now;
    } catch (error) {
      this.#failed = true;
      this.#sink.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** It ties no drop to a counter. */
  accounts(): DropAccount[] {
    return [];
  }

  close(): void {
    clearInterval(this.#timer);
    try {
      this.flush();
    } finally {
      this.#links.close();
    }
  }

  ref(): void {
    this.#timer.ref();
  }

  unref(): void {
    this.#timer.unref();
  }

  #read(): Map<number, LinkStats> {
    const links = readLinkRecords(0, this.#links);
    const wanted = ({ ifindex }: LinkStats) =>
      this.#ifindexes.size === 0 || this.#ifindexes.has(ifindex);
    return new Map(links.filter(wanted).map((link) => [link.ifindex, link]));
  }

  #tell(link: LinkStats): void {
    const { name, ifindex } = link;
    for (const counter of COUNTER_NAMES) {
      const now = counterValue(link, counter);
      const known = this.#last.get(ifindex);
      const before = known === undefined ? 0n : counterValue(known, counter);
      // A counter that fell is another link's, which has the number now.
      const count = Number(now >= before ? now - before : now);
      if (count === 0) continue;
      this.#sink.totals({
        probe: 'counters',
        count,
        interface: name,
        ifindex,
        netns: this.#netns,
        counter,
      });
    }
  }
}

/** What counters do not tell they cannot be filtered by. */
function checkOptions({ scope, allNamespaces, ...filters }: ProbeOptions): void {
  const { sources, destinations, etherTypes, reasons } = filters;
  const reason = 'The counters probe sees by how much counters rise, and nothing of the frames.';
  if ([sources, destinations, etherTypes, reasons].some((values) => values.length > 0)) {
    throw cannot(reason, 'Leave out the filters by address, EtherType and reason.');
  }
  if (scope === 'all') throw cannot(reason, "Leave out scope: 'all'.");
  if (allNamespaces) throw cannot(reason, 'Give it one network namespace.');
}

function cannot(reason: string, mend: string): ProbeError {
  return new ProbeError('ERR_PROBE_UNAVAILABLE', 'counters', { reason, mend });
}
