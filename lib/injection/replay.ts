import { statSync } from 'node:fs';
import { readCapture, STANDARD_INPUT } from '../capture/read-capture.ts';
import { invalidArgument } from '../errors.ts';
import { parseMacAddress } from '../ethernet/mac-address.ts';
import { type NativeReplayPlan, native, type Replay } from '../native.ts';
import {
  type EngineName,
  type Engines,
  engineNumber,
  planEngines,
  RECEIVE_ENGINES,
} from './engine.ts';
import { checkSendOptions, planRate, SendJob, type SentReport, sentReport } from './send-job.ts';
import type { SendPlan, SendStart, SendTarget } from './send-jobs.ts';

/** How to send what a capture file has. */
export interface ReplayOptions {
  /**
   * Of the pace at which it was captured: 2 is twice as fast, `Infinity` as fast as it goes. What was late is
   * made up for. Default: 1.
   */
  readonly speed?: number | undefined;
  /** How many frames a second, whenever they were captured. Default: at that pace. */
  readonly framesPerSecond?: number | undefined;
  /** How often to send the file; each time begins when the last frame of the one before was due. Default: 1. */
  readonly loop?: number | undefined;
  /** MAC addresses to write into each frame instead of its own. Default: as they are. */
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  /** How to send; of several, the first that works here. 'live-frames' only receives. Default: 'sendmmsg'. */
  readonly engine?: EngineName | readonly EngineName[] | undefined;
  /** Ends it within 100 ms; then it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told each second how far it is, and once more at its end, however it ends. What it throws ends the replay,
   * which rejects with it.
   */
  readonly onProgress?: ((report: ReplayReport) => void) | undefined;
}

/** What a replay has sent. A frame that the link does not take for its length is refused, and left out. */
export interface ReplayReport extends SentReport {
  /** Frames read from the file, over all times. */
  readonly frames: number;
  /** Those of them that were cut short when they were captured, and are sent as they are. */
  readonly truncated: number;
}

/** The names, so that a misspelt one is refused. */
const OPTIONS: Readonly<Record<keyof ReplayOptions, true>> = {
  speed: true,
  framesPerSecond: true,
  loop: true,
  source: true,
  destination: true,
  engine: true,
  signal: true,
  onProgress: true,
};

/** Live frames that are sent are made of a few templates. */
const SEND_ENGINES: Engines = ['sendmmsg', 'af-xdp'];

/** Pieces of the file, of 1 MiB at most, that wait to be sent. */
const MOST_WAITING = 4;

/** ArgumentError for what is no use, before anything is sent. */
export function planReplay(
  path: string,
  options: ReplayOptions,
  { ifindex, networkNamespace, direction }: SendTarget,
): SendPlan<ReplayReport> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw invalidArgument('path', 'the path of a file', path);
  }
  checkSendOptions(options, Object.keys(OPTIONS), 'options');
  const { speed = 1, framesPerSecond, loop = 1 } = options;
  if (!(typeof speed === 'number' && speed > 0)) {
    throw invalidArgument('options.speed', 'a number above 0, or Infinity', speed);
  }
  if (!(Number.isSafeInteger(loop) && loop >= 1)) {
    throw invalidArgument('options.loop', 'an integer from 1 on', loop);
  }
  if (framesPerSecond !== undefined && options.speed !== undefined) {
    throw invalidArgument(
      'options',
      'a speed or framesPerSecond',
      options,
      'They exclude each other.',
    );
  }
  const address = (name: 'source' | 'destination') => {
    const text = options[name];
    return text === undefined ? undefined : parseMacAddress(text, `options.${name}`);
  };
  if (loop > 1 && isReadOnce(path)) {
    const mend = 'A pipe or standard input can be read once only.';
    throw invalidArgument('options.loop', '1', loop, mend);
  }
  const able = direction === 'transmit' ? SEND_ENGINES : RECEIVE_ENGINES;
  const plan: Omit<NativeReplayPlan, 'engine'> = {
    networkNamespace,
    ifindex,
    speed: speed === Number.POSITIVE_INFINITY ? 0 : speed,
    framesPerSecond: planRate(framesPerSecond, 'options.framesPerSecond'),
    source: address('source'),
    destination: address('destination'),
  };
  return {
    engines: planEngines(options.engine, able, 'options.engine'),
    passedOver: [],
    threads: 1,
    longest: 0,
    begin: (start) =>
      startReplay(path, { ...plan, engine: engineNumber(start.engine, direction) }, options, start),
  };
}

function startReplay(
  path: string,
  plan: NativeReplayPlan,
  { signal, onProgress, loop = 1 }: ReplayOptions,
  start: SendStart,
): SendJob<ReplayReport> {
  signal?.throwIfAborted();
  const feed = new ReplayFeed(plan, start);
  return new SendJob({
    native: feed.native,
    ended: feed.run(path, loop),
    read: () => feed.read(),
    signal,
    onProgress,
    explain: start.explain,
  });
}

/** Reads a file as fast as it is sent. */
class ReplayFeed {
  readonly native: Replay;
  readonly #ended: Promise<void>;
  readonly #start: SendStart;
  #frames = 0;
  #truncated = 0;
  #changed = () => {};
  /** Aborted when no more is sent. */
  readonly #over = new AbortController();

  constructor(plan: NativeReplayPlan, start: SendStart) {
    let onEnd = () => {};
    this.#ended = new Promise((resolve) => {
      onEnd = resolve;
    });
    this.#start = start;
    const { Replay } = native();
    this.native = new Replay(plan, () => {
      this.#changed();
      if (!this.native.progress().ended) return;
      this.#over.abort();
      onEnd();
    });
  }

  /** Resolves when all was sent; rejects, then, for what is wrong with the file. */
  async run(path: string, loop: number): Promise<void> {
    try {
      let startNs = 0;
      for (let pass = 0; pass < loop; pass += 1) {
        const before = this.#frames;
        startNs = await this.#sendOnce(path, startNs);
        if (this.#frames === before || this.native.progress().ended) break;
      }
    } finally {
      this.native.finish();
      await this.#ended;
    }
  }

  read(): { report: ReplayReport; failure: Error | undefined } {
    const progress = this.native.progress();
    const counted = { frames: this.#frames, truncated: this.#truncated };
    const { engine, passedOver } = this.#start;
    const report = { ...sentReport(progress, engine, passedOver), ...counted };
    return { report, failure: progress.failure };
  }

  /** Returns when its last frame is due. */
  async #sendOnce(path: string, startNs: number): Promise<number> {
    let lastNs = startNs;
    for await (const { bytes, block } of readCapture(path, this.#over.signal)) {
      const { offsets, lengths, timesNs, count, truncated } = block;
      if (startNs > 0) for (let i = 0; i < count; i += 1) timesNs[i] = (timesNs[i] ?? 0) + startNs;
      lastNs = timesNs[count - 1] ?? lastNs;
      while (this.#isFull()) await this.#change();
      if (this.native.progress().ended) break;
      this.native.push(bytes, offsets, lengths, timesNs);
      this.#frames += count;
      this.#truncated += truncated;
    }
    return lastNs;
  }

  #isFull(): boolean {
    const { waiting, ended } = this.native.progress();
    return waiting >= MOST_WAITING && !ended;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

/** Of what cannot be looked at, reading it tells more. */
function isReadOnce(path: string): boolean {
  try {
    return path === STANDARD_INPUT || statSync(path).isFIFO();
  } catch {
    return false;
  }
}
