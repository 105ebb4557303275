import { interfaceGone } from '../errors.ts';
import type { RunningProbe } from '../probes/probe.ts';
import { startProbe } from '../probes/probes.ts';
import { DropFeed } from './drop-feed.ts';
import type { DropWatch } from './drop-watch.ts';
import { GoneInterfaces } from './gone-interfaces.ts';
import { OpenWatch } from './open-watch.ts';
import { planWatch, type WatchOptions, type WatchPlan } from './watch-options.ts';

/**
 * Watches the frames that the kernel drops in this network namespace. Resolves once armed: a frame
 * dropped after that is told, or counted as lost.
 *
 * Rejects with an ArgumentError for options that are no use, with a ProbeError when no probe works
 * here (`checkProbes` says why), and with `signal.reason` when the signal aborts before it is armed.
 * A watch of interfaces fails with ERR_INTERFACE_GONE when one of them is deleted or leaves the
 * namespace; a rename changes nothing.
 */
export async function watchDrops(options: WatchOptions = {}): Promise<DropWatch> {
  const plan = planWatch(options);
  options.signal?.throwIfAborted();
  const gone =
    plan.interfaces.size === 0 ? undefined : new GoneInterfaces([...plan.interfaces.keys()]);
  try {
    const feed = new DropFeed(plan.queueLimit);
    const running = await startProbe(plan.probes, plan.probeOptions, feed);
    if (options.signal?.aborted) running.close();
    options.signal?.throwIfAborted();
    return openWatch(plan, feed, running, gone, options.signal);
  } catch (error) {
    gone?.close();
    throw error;
  }
}

/** Ties the watch to what can end it. */
function openWatch(
  plan: WatchPlan,
  feed: DropFeed,
  running: RunningProbe,
  gone: GoneInterfaces | undefined,
  signal: AbortSignal | undefined,
): DropWatch {
  const abort = () => watch.abort(signal?.reason);
  const fail = (ifindex: number) =>
    watch.fail(interfaceGone(plan.interfaces.get(ifindex) ?? ifindex));
  const watch = new OpenWatch(feed, running, () => {
    gone?.close();
    signal?.removeEventListener('abort', abort);
  });
  signal?.addEventListener('abort', abort, { once: true });
  if (gone !== undefined) {
    gone.onGone = fail;
    if (gone.first !== undefined) fail(gone.first);
  }
  return watch;
}
