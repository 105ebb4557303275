import type { ProbeSink } from '../probes/probe.ts';
import { type StartedProbe, startProbe } from '../probes/probes.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { DropFeed } from './drop-feed.ts';
import type { DropWatch } from './drop-watch.ts';
import { GoneInterfaces } from './gone-interfaces.ts';
import { OpenWatch } from './open-watch.ts';
import { SummaryFeed } from './summary-feed.ts';
import { namespaceToWatch, planWatch, type WatchOptions, type WatchPlan } from './watch-options.ts';
import { WatchedNamespace } from './watched-namespace.ts';

/**
 * Watches the frames that the kernel drops in this network namespace. Resolves once armed: a frame
 * dropped after that is told, or counted as lost.
 *
 * Takes the best probe that works here: without any privilege, that is counters, which tells no single
 * drops but `totals`. `passedOver` says why; name a probe to have no other.
 *
 * Rejects with an ArgumentError for options that are no use, with a ProbeError when none of the probes
 * works here or can filter as asked (`checkProbes` says why), with a SystemCallError when the kernel refuses to tell of
 * interfaces (EMFILE), with ERR_ADDON_NOT_BUILT or ERR_UNSUPPORTED_PLATFORM where there is no addon,
 * and with `signal.reason` when the signal aborts before it is armed.
 *
 * A watch of interfaces fails with ERR_INTERFACE_GONE when one of them is deleted or leaves the
 * namespace; a rename changes nothing. When one goes before the watch is armed, that is what this
 * rejects with.
 *
 * A watch of another network namespace fails with ERR_NETWORK_NAMESPACE_GONE: one by the number of a process when
 * that process ends, one by name or path when that name is removed or leads elsewhere. Until then, and no longer,
 * the watch keeps the network namespace alive.
 */
export async function watchDrops(options: WatchOptions = {}): Promise<DropWatch> {
  const namespace = new WatchedNamespace(namespaceToWatch(options));
  const opened = [() => namespace.close()];
  const release = () => {
    for (const close of opened) close();
  };
  try {
    const plan = planWatch(options, namespace.held);
    options.signal?.throwIfAborted();
    const endings: Ending[] = [namespace];
    if (plan.interfaces.size > 0) {
      const gone = new GoneInterfaces(plan.interfaces, plan.namespace);
      opened.push(() => gone.stop());
      endings.push(gone);
    }
    const books = new Bookkeeping(plan);
    opened.push(() => books.close());
    return await openWatch(plan, { books, endings, signal: options.signal, release });
  } catch (error) {
    release();
    throw error;
  }
}

/** Something outside of a watch that can end it. */
interface Ending {
  onFailure: (error: Error) => void;
  /** Throws what the watch ends with, if it has to end. */
  check(): void;
  /** Gives no notice any more. May be called twice. */
  stop(): void;
}

interface Surroundings {
  readonly books: Bookkeeping;
  readonly endings: readonly Ending[];
  readonly signal: AbortSignal | undefined;
  /** Closes everything that was opened for the watch. */
  release(): void;
}

/** Starts a probe, which may take a minute, until something ends the watch before it is armed. */
async function arm(
  plan: WatchPlan,
  sink: ProbeSink,
  endings: readonly Ending[],
  signal: AbortSignal | undefined,
): Promise<StartedProbe> {
  const arming = new AbortController();
  const abort = () => arming.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  for (const ending of endings) ending.onFailure = (error) => arming.abort(error);
  try {
    const probeOptions = { ...plan.probeOptions, signal: arming.signal };
    return await startProbe(plan.probes, probeOptions, sink);
  } catch (error) {
    // Of several probes that were tried, the first may have had another reason.
    arming.signal.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Arms a watch and ties it to what can end it. */
async function openWatch(
  plan: WatchPlan,
  { books, endings, signal, release }: Surroundings,
): Promise<DropWatch> {
  const feed = new DropFeed(plan.queueLimit);
  const summary = plan.summary && new SummaryFeed(feed, plan.summary.talkerLimit);
  const { running, passedOver } = await arm(plan, summary ?? feed, endings, signal);
  try {
    books.armed(running);
    signal?.throwIfAborted();
    for (const ending of endings) ending.check();
  } catch (error) {
    await running.close();
    throw error;
  }
  const abort = () => watch.abort(signal?.reason);
  const watch = new OpenWatch({
    feed,
    running,
    books,
    passedOver,
    summary,
    everyMs: plan.summary?.everyMs,
    cleanUp() {
      for (const ending of endings) ending.stop();
      signal?.removeEventListener('abort', abort);
    },
    release,
  });
  signal?.addEventListener('abort', abort, { once: true });
  for (const ending of endings) ending.onFailure = (error) => watch.fail(error);
  return watch;
}
