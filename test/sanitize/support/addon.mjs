import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The addon itself: these tests give it what lib/ would have refused. */
export const addon = createRequire(import.meta.url)(process.env.DROPSCOPE_ADDON);

/** Every test file has a network namespace of its own, in which this is the only link. */
export const LO = 1;

/** A frame that nobody handles: the kernel drops it on `lo`. */
export const FRAME = new Uint8Array(60);
FRAME.set([0x43, 0x21], 12);

/** Options of a tracer for every drop that moved a counter. */
export const TRACER_OPTIONS = {
  networkNamespace: undefined,
  allNamespaces: false,
  summary: false,
  allDrops: false,
  headerBytes: 64,
  ringBytes: 65_536,
  ifindexes: [],
  etherTypes: [],
  reasons: [],
  sources: [],
  destinations: [],
};

/** A flood on `lo` that ends when it is stopped. */
export const FLOOD_PLAN = {
  networkNamespace: undefined,
  ifindex: LO,
  packed: FRAME,
  lengths: Uint32Array.of(FRAME.length),
  fields: [],
  count: 0,
  durationNs: 0,
  framesPerSecond: 0,
  threads: 2,
  engine: 0,
};

/** Values of every kind. None of them is a function, bytes, words or a list of anything. */
export const ODD_VALUES = [
  undefined,
  null,
  true,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.MAX_VALUE,
  10n,
  '',
  '\0',
  'x'.repeat(100_000),
  '\ud800',
  Symbol('symbol'),
  {},
  new ArrayBuffer(8),
  new Uint16Array(8),
  new Float64Array(8),
  new Proxy({}, {}),
];

/** Runs iproute2's `ip` or `tc`. */
export function run(command, ...lines) {
  execFileSync(command, ['-batch', '-'], {
    input: lines.map((line) => `${line}\n`).join(''),
    // Without the sanitizer, which is preloaded into this process.
    env: { ...process.env, LD_PRELOAD: '' },
  });
}

/** A view whose memory has gone elsewhere. */
export function detached(view) {
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** Drops frames on `lo`. */
export function drop(count) {
  const socket = addon.openPacketSocket();
  socket.bind(LO);
  for (let i = 0; i < count; i += 1) socket.send(FRAME);
  socket.close();
}

/** Loads, attaches and arms a tracer. */
export function open(tracer) {
  return new Promise((resolve, reject) => {
    tracer.open((error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** A tracer that is armed. */
export async function openTracer(options = TRACER_OPTIONS, onRecord = () => {}) {
  const tracer = new addon.DropTracer(options, onRecord);
  await open(tracer);
  return tracer;
}

export function countDescriptors() {
  return readdirSync('/proc/self/fd').length;
}

/** Collects garbage, and lets what waits for that run. */
export async function collectGarbage() {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc();
    await nextTurn();
  }
}

/**
 * Calls with each odd value in the place of each argument. What is to come of it is an Error, or
 * what the call does with a value that happens to be good.
 */
export function callWithOddValues(call, goodArguments) {
  for (const index of goodArguments.keys()) {
    for (const value of ODD_VALUES) {
      try {
        call(...goodArguments.with(index, value));
      } catch (error) {
        if (!(error instanceof Error)) throw new Error('Something else than an Error was thrown.');
      }
    }
  }
  for (let count = 0; count < goodArguments.length; count += 1) {
    try {
      call(...goodArguments.slice(0, count));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
}
