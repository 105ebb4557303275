import { expect, it, vi } from 'vitest';
import { watchDrops } from '../../lib/index.ts';
import type { ProbeOptions } from '../../lib/probes/probe.ts';
import { ip, openNamespace, vethPair } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { waitFor } from '../support/wait-for.ts';

/** A probe that is never armed, as SystemTap takes a minute for it, and that ends when it is told to. */
const arming = vi.hoisted(() => ({ began: 0 }));

vi.mock('../../lib/probes/probes.ts', () => ({
  startProbe: (_: readonly string[], { signal }: ProbeOptions) => {
    arming.began += 1;
    // As startProbe() throws for what was tried before.
    const refused = new Error('The first of several probes was refused.');
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(refused)));
  },
}));

async function begun(count: number): Promise<void> {
  await waitFor('arming to begin', () => arming.began === count);
}

it('gives up arming when the process of the network namespace ends', async () => {
  const before = countDescriptors();
  const other = await openNamespace();
  const opening = watchDrops({ networkNamespace: other.pid });
  const refused = expect(opening).rejects.toMatchObject({ code: 'ERR_NETWORK_NAMESPACE_GONE' });
  await begun(1);
  await other[Symbol.asyncDispose]();
  await refused;
  await waitFor('everything to be closed', () => countDescriptors() <= before);
});

it('gives up arming when the interface is deleted', async () => {
  vethPair('brief', 'other');
  const opening = watchDrops({ interface: 'brief' });
  const refused = expect(opening).rejects.toMatchObject({ code: 'ERR_INTERFACE_GONE' });
  await begun(2);
  ip('link', 'delete', 'dev', 'brief');
  await refused;
});

it('gives up arming with the reason of its signal', async () => {
  const reason = new Error('changed my mind');
  const controller = new AbortController();
  const refused = expect(watchDrops({ signal: controller.signal })).rejects.toBe(reason);
  await begun(3);
  controller.abort(reason);
  await refused;
});
