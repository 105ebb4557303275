import { startProbe } from '../probes/probes.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { DropFeed } from './drop-feed.ts';
import type { DropWatch } from './drop-watch.ts';
import { GoneInterfaces } from './gone-interfaces.ts';
import { OpenWatch } from './open-watch.ts';
import { SummaryFeed } from './summary-feed.ts';
import { planWatch, type WatchOptions, type WatchPlan } from './watch-options.ts';

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
 */
export async function watchDrops(options: WatchOptions = {}): Promise<DropWatch> {
  const plan = planWatch(options);
  options.signal?.throwIfAborted();
  const gone =
    plan.interfaces.size === 0
      ? undefined
      : new GoneInterfaces(plan.interfaces, plan.networkNamespace);
  try {
    return await openWatch(plan, gone, options.signal);
  } catch (error) {
    gone?.close();
    throw error;
  }
}

/** Arms a watch and ties it to what can end it. */
async function openWatch(
  plan: WatchPlan,
  gone: GoneInterfaces | undefined,
  signal: AbortSignal | undefined,
): Promise<DropWatch> {
  const feed = new DropFeed(plan.queueLimit);
  const summary = plan.summary && new SummaryFeed(feed, plan.summary.talkerLimit);
  const books = new Bookkeeping(plan);
  const { running, passedOver } = await startProbe(plan.probes, plan.probeOptions, summary ?? feed);
  try {
    books.armed();
    signal?.throwIfAborted();
    gone?.check();
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
      gone?.close();
      signal?.removeEventListener('abort', abort);
    },
  });
  signal?.addEventListener('abort', abort, { once: true });
  if (gone !== undefined) gone.onFailure = (error) => watch.fail(error);
  return watch;
}
