import type { CounterName, DropEvent, ProbeName } from '../drops/drop-event.ts';
import { COUNTER_NAMES } from '../drops/drop-record.ts';
import { invalidArgument } from '../errors.ts';
import { formatMacAddress, parseMacAddress } from '../ethernet/mac-address.ts';
import type { InterfaceRef } from '../link/interface.ts';
import type { NetworkNamespaceRef } from '../link/network-namespace.ts';

/** Which drops are meant: those that are all of what is given. */
export interface DropMatch {
  /** MAC addresses. */
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly etherType?: number | undefined;
  /** The link counter that they move. */
  readonly counter?: CounterName | undefined;
  /** The kernel's name for why, with or without SKB_DROP_REASON_, in any case. */
  readonly reason?: string | undefined;
  /** The kernel function. */
  readonly location?: string | undefined;
}

/** Where to look, and for how long. */
export interface ProofOptions {
  /** By name or ifindex, one or several. Default: every interface of this network namespace. */
  readonly interface?: InterfaceRef | readonly InterfaceRef[] | undefined;
  /** As for `watchDrops`, but not 'all'. Default: this process's. */
  readonly networkNamespace?: NetworkNamespaceRef | undefined;
  /**
   * 'counted': drops that moved a link counter; 'all': every drop. Default: 'counted'; 'all' where a
   * reason or a location is expected and no counter, since drops by most reasons move no counter.
   */
  readonly scope?: 'counted' | 'all' | undefined;
  /** The probes that may be used. Default: the best one that tells single drops and works here. */
  readonly probe?: ProbeName | readonly ProbeName[] | undefined;
  /**
   * For how long the counters of drops are to stand still, in milliseconds, before all is over. Default:
   * 100.
   */
  readonly quietMs?: number | undefined;
  /** For how long to wait for that at most. Default: 2000. */
  readonly timeoutMs?: number | undefined;
  /**
   * How many frames the interfaces must at least have received meanwhile (the rise of their
   * `rx_packets`, whoever sent the frames) for the verdict to be a pass. Default: 0.
   */
  readonly minReceived?: number | undefined;
  /** Ends the watching: it rejects with the signal's reason, once the action has ended. */
  readonly signal?: AbortSignal | undefined;
}

/** How many drops of which kind are expected. */
export interface DropExpectation extends DropMatch, ProofOptions {
  /** How many: exactly, or within bounds. Default: at least one. */
  readonly count?: number | CountBounds | undefined;
}

export interface CountBounds {
  /** Default: 0. */
  readonly atLeast?: number | undefined;
  /** Default: no limit. */
  readonly atMost?: number | undefined;
}

export const QUIET_MS = 100;
export const TIMEOUT_MS = 2000;

const MATCHED = ['source', 'destination', 'etherType', 'counter', 'reason', 'location'] as const;

const PROOF_OPTIONS = [
  'interface',
  'networkNamespace',
  'scope',
  'probe',
  'quietMs',
  'timeoutMs',
  'minReceived',
  'signal',
] as const;

/**
 * Whether a drop is one of those that are meant; undefined: that cannot be told, for the probe does not
 * know its reason or location.
 */
export function matches(drop: DropEvent, expectation: DropMatch): boolean | undefined {
  let answer: true | undefined = true;
  for (const name of MATCHED) {
    const wanted = expectation[name];
    const value = name === 'counter' ? drop.counter?.name : drop[name];
    if (wanted === undefined || value === wanted) continue;
    if (value !== undefined || name === 'counter') return false;
    answer = undefined;
  }
  return answer;
}

/** The same as drops have it: addresses in lower case with colons. ArgumentError for what no drop has. */
export function normalize(match: DropMatch): DropMatch {
  const { source, destination, etherType, counter, reason, location } = match;
  const mac = (text: string, argument: string) => formatMacAddress(parseMacAddress(text, argument));
  if (counter !== undefined && !COUNTER_NAMES.includes(counter)) {
    throw invalidArgument('expectation.counter', `one of ${COUNTER_NAMES.join(', ')}`, counter);
  }
  const type = etherType === undefined || (Number.isInteger(etherType) && etherType >= 0);
  if (!type) throw invalidArgument('expectation.etherType', 'a number', etherType);
  for (const [name, text] of Object.entries({ reason, location })) {
    if (text === undefined || typeof text === 'string') continue;
    throw invalidArgument(`expectation.${name}`, 'a text', text);
  }
  return {
    source: source === undefined ? undefined : mac(source, 'expectation.source'),
    destination:
      destination === undefined ? undefined : mac(destination, 'expectation.destination'),
    etherType,
    counter,
    reason: reason?.replace(/^SKB_DROP_REASON_/i, '').toUpperCase(),
    location,
  };
}

/** What is meant, in words: `drops with reason UNHANDLED_PROTO`. */
export function describeMatch(expectation: DropMatch): string {
  const parts = MATCHED.flatMap((name) => {
    const wanted = expectation[name];
    return wanted === undefined ? [] : [`${name} ${shownValue(name, wanted)}`];
  });
  return parts.length === 0 ? 'drops' : `drops with ${parts.join(', ')}`;
}

function shownValue(name: (typeof MATCHED)[number], value: string | number): string {
  return name === 'etherType' ? `0x${value.toString(16).padStart(4, '0')}` : String(value);
}

/** ArgumentError for what cannot be expected. */
export function checkExpectation(expectation: DropExpectation, mayCount: boolean): void {
  if (typeof expectation !== 'object' || expectation === null) {
    throw invalidArgument('expectation', 'an object', expectation);
  }
  const known: readonly string[] = [...MATCHED, ...PROOF_OPTIONS, ...(mayCount ? ['count'] : [])];
  for (const name of Object.keys(expectation)) {
    if (known.includes(name)) continue;
    throw invalidArgument('expectation', `only ${known.join(', ')}`, name);
  }
  checkMs(expectation.quietMs, 'expectation.quietMs');
  checkMs(expectation.timeoutMs, 'expectation.timeoutMs');
  const { quietMs = QUIET_MS, timeoutMs = TIMEOUT_MS, networkNamespace } = expectation;
  const { minReceived = 0 } = expectation;
  if (!Number.isSafeInteger(minReceived) || minReceived < 0) {
    throw invalidArgument('expectation.minReceived', 'a whole number of frames', minReceived);
  }
  if (quietMs >= timeoutMs) {
    throw invalidArgument('expectation.quietMs', 'less than timeoutMs', quietMs);
  }
  if (networkNamespace === 'all') {
    throw invalidArgument(
      'expectation.networkNamespace',
      'one network namespace',
      networkNamespace,
    );
  }
  boundsOf(expectation);
}

/** How many there may be. */
export function boundsOf({
  count,
}: DropExpectation): Required<{ atLeast: number; atMost: number }> {
  if (count === undefined) return { atLeast: 1, atMost: Number.POSITIVE_INFINITY };
  const exact = typeof count === 'number' ? { atLeast: count, atMost: count } : count;
  if (typeof exact !== 'object' || exact === null) {
    throw invalidArgument('expectation.count', 'a number, or bounds', count);
  }
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = exact;
  const whole = (value: number) => value === Number.POSITIVE_INFINITY || Number.isInteger(value);
  if (Number.isInteger(atLeast) && whole(atMost) && atLeast >= 0 && atMost >= atLeast) {
    return { atLeast, atMost };
  }
  throw invalidArgument('expectation.count', 'whole numbers, the lower bound first,', count);
}

function checkMs(value: number | undefined, argument: string): void {
  if (value === undefined) return;
  if (typeof value === 'number' && value > 0 && value <= 3_600_000) return;
  throw invalidArgument(argument, 'milliseconds above 0, at most 3600000', value);
}
