import { expect, it } from 'vitest';
import { mendFor } from '../../lib/probes/systemtap/mends.ts';

it.each([
  [[4, 4], '5.10.0-32-cloud-amd64', ['-Dmodule_mutex=fanout_mutex']],
  [[5, 1], '6.12.107+deb13-cloud-amd64', ['-DSTAPCONF_UPROBE_UNREGISTER_EXPORTED']],
  [[5, 1], '6.1.0-56-cloud-amd64', undefined],
  [[5, 1], '5.10.0-32-cloud-amd64', undefined],
  [[5, 6], '7.2.13+deb14-cloud-amd64', undefined],
  [[5, 6], '6.12.107+deb13-cloud-amd64', undefined],
] as const)('knows whether SystemTap %j fits Linux %s', async (stap, release, flags) => {
  expect((await mendFor(stap, release))?.flags).toEqual(flags);
});
