/** Counters of links by `netns ifindex`, each by its name in LedgerRow. */
export type Counters = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A drop as a watch reported it. */
export interface ObservedDrop {
  /** `netns ifindex` of its link. */
  readonly link: string;
  readonly cpu: number;
  readonly etherType: number;
  readonly reason?: string | undefined;
  readonly location?: string | undefined;
  readonly counter?: string;
  readonly before?: number;
  readonly after?: number;
  /** The number that a frame of the world has. */
  readonly number?: number | undefined;
}

export interface ObservedRow {
  readonly link: string;
  readonly name: string;
  readonly counter: string;
  readonly counted: number;
  readonly attributed: number;
  readonly filtered: number;
  readonly lost: number;
  readonly inFlight: number;
  readonly unattributed: number;
  readonly causes: readonly {
    readonly kind: string;
    readonly amount?: number;
    readonly text: string;
  }[];
}

/** A packet socket that takes frames. */
export interface ObservedTap {
  readonly on: string;
  /** Undefined: it takes all frames. */
  readonly etherType?: number | undefined;
  /** Which frames it hides on its link; undefined: it is not known. */
  readonly hides?: string | undefined;
}

/** A ledger, and the counters by ip(8) just before and just after it was asked for. */
export interface ObservedLedger {
  readonly before: Counters;
  readonly rows: readonly ObservedRow[];
  readonly after: Counters;
  /** Whether nothing was sent any more. */
  readonly isAtRest: boolean;
  /** The taps that the ledger lists, and those that are open. */
  readonly taps: readonly ObservedTap[];
  readonly openTaps: readonly ObservedTap[];
}

export interface ObservedWatch {
  readonly name: string;
  /** How many top-level steps had begun when it was armed; and whether frames were sent meanwhile. */
  readonly armedAt: number;
  readonly isMidTraffic: boolean;
  /** How many had begun when it was closed; infinite at the end of the world. */
  readonly closedAt: number;
  /** Counters by ip(8) just before and just after it was armed, and when it was closed. */
  readonly before: Counters;
  readonly armed: Counters;
  readonly closed: Counters;
  readonly ledgers: readonly ObservedLedger[];
  readonly drops: readonly ObservedDrop[];
  /** Of a summary: how many drops by `netns ifindex counter`. */
  readonly sums: Readonly<Record<string, number>>;
  /** Drops of a summary of which it is not known whose they are. */
  readonly others: number;
  readonly lost: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

export interface ObservedStream {
  readonly step: number;
  readonly index: number;
  /** The number of its first frame. */
  readonly first: number;
  /** How many the kernel took. */
  readonly sent: number;
  /** What it said of the others. */
  readonly errors: Readonly<Record<string, number>>;
}

/** What became known of a world while it was played. */
export interface Observed {
  readonly namespaces: Readonly<Record<'here' | 'there', number>>;
  /** Every `netns ifindex` that a link has had, by its key. */
  readonly homes: Readonly<Record<string, readonly string[]>>;
  readonly streams: readonly ObservedStream[];
  readonly watches: readonly ObservedWatch[];
  /**
   * Drops of frames with the world's EtherTypes that ftrace saw and no BPF program did. On some machines
   * the kernel runs no BPF program in a few softirqs. Undefined: there is no ftrace.
   */
  readonly unseen: number | undefined;
  /** Descriptors, and handles on BPF objects, that this process gained. */
  readonly leaked: { readonly descriptors: number; readonly bpf: number };
  readonly residentMiB: number;
}
