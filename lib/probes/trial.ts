import type { ProbeOptions, ProbeSink } from './probe.ts';

/** At least a page, of which there are larger ones. */
export const LEAST_RING_BYTES = 65_536;

/** What a probe is armed with to see whether it works, and disarmed at once. */
export const TRIAL_OPTIONS: ProbeOptions = {
  allNamespaces: false,
  summary: false,
  scope: 'counted',
  ifindexes: [],
  sources: [],
  destinations: [],
  etherTypes: [],
  reasons: [],
  headerBytes: 0,
  ringBytes: LEAST_RING_BYTES,
};

/** Where it delivers meanwhile. */
export const TRIAL_SINK: ProbeSink = {
  batch() {},
  totals() {},
  talkers() {},
  lost() {},
  failed() {},
};
