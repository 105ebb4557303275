import type { DropAccount } from '../drops/drop-account.ts';
import type { DropBatch, DropTotals, LostEvent, ProbeName } from '../drops/drop-event.ts';
import type { TalkerCounts } from '../drops/drop-summary.ts';

/** Whether a probe can run here. */
export interface ProbeReport {
  /** Which probe. */
  readonly probe: ProbeName;
  /** True: `watchDrops` would work. */
  readonly available: boolean;
  /** Why not: the first thing that is missing. Absent when available. */
  readonly reason?: string;
  /** What to do about it. Absent when available. */
  readonly mend?: string;
  /** What works less well than it could, each with its mend. */
  readonly remarks: readonly string[];
  /** What was looked at and found, step by step up to the first thing that is missing. */
  readonly details: readonly string[];
}

/** What a probe is asked to see. Every list: empty means any. */
export interface ProbeOptions {
  /** The file of the network namespace to watch; undefined: this process's. */
  readonly networkNamespace?: string | undefined;
  /** Whether the drops of all network namespaces are wanted. */
  readonly allNamespaces: boolean;
  /** Whether drops are to be counted by talker, as far as the probe can do that by itself. */
  readonly summary: boolean;
  /** 'counted': drops that moved a link counter; 'all': every drop. */
  readonly scope: 'counted' | 'all';
  readonly ifindexes: readonly number[];
  /** MAC addresses, 6 bytes each. */
  readonly sources: readonly Uint8Array[];
  readonly destinations: readonly Uint8Array[];
  readonly etherTypes: readonly number[];
  /** Names without SKB_DROP_REASON_. */
  readonly reasons: readonly string[];
  /** Bytes of each frame to keep. */
  readonly headerBytes: number;
  /** Size of the buffer between kernel and process, in bytes. */
  readonly ringBytes: number;
  /** SystemTap: the path of a module that was built beforehand. */
  readonly module?: string | undefined;
  /** Ends arming, where that takes long. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ArmingProgress) => void) | undefined;
}

/** What a probe does while it is not armed yet: it may take a minute. */
export interface ArmingProgress {
  readonly probe: ProbeName;
  /** What is under way, or was just done: `Pass 4: compiled C into ...`. */
  readonly step: string;
}

/** Where a running probe delivers, on the loop thread. */
export interface ProbeSink {
  /** `batch` can be read during the call. Whoever wants it later keeps what `RecordBatch.keep` gives. */
  batch(batch: DropBatch): void;
  totals(totals: DropTotals): void;
  /** Instead of batches and totals, where a summary was asked for and the probe counts by itself. */
  talkers(counts: TalkerCounts): void;
  lost(event: LostEvent): void;
  /** The probe cannot go on. Whoever started it closes it. */
  failed(error: Error): void;
}

/** A probe at work. Its methods are not called after `close`. */
export interface RunningProbe {
  readonly name: ProbeName;
  /**
   * Resolves when everything is delivered that was dropped before, and lost drops are told. Not called
   * while the probe delivers.
   */
  flush(): void | Promise<void>;
  /** What became of the drops so far, those included that are about to be delivered. */
  accounts(): readonly DropAccount[] | Promise<readonly DropAccount[]>;
  /** Delivers what is still under way, then frees everything, whatever it throws. */
  close(): void | Promise<void>;
  ref(): void;
  unref(): void;
}

/** A way of seeing drops. */
export interface DropProbe {
  readonly name: ProbeName;
  /** Tries whether it works here: whatever keeps it from that is in the report. */
  check(): Promise<ProbeReport>;
  /**
   * Resolves once armed: a drop after that is delivered or counted as lost. Nothing is delivered
   * before the next turn of the event loop, so that whoever waits for this can listen. Throws
   * ProbeError; ArgumentError for a reason that this kernel does not have; and what `native` throws.
   */
  start(options: ProbeOptions, sink: ProbeSink): Promise<RunningProbe>;
}
