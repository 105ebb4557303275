import { it } from 'node:test';
import { addon, drop, LO, openTracer, run, TRACER_OPTIONS } from './support/addon.mjs';

const { LinkMonitor, openPacketSocket } = addon;

// LeakSanitizer looks at what is left when the process has ended.
it('ends with everything open', async () => {
  run('ip', 'link set lo up');
  addon.readLinkStats(LO);
  new LinkMonitor(() => {}).unref();
  const socket = openPacketSocket();
  socket.bind(LO);
  socket.send(new Uint8Array(60));
  socket.sendIfUnchanged(new Uint8Array(60));
  const tracer = await openTracer({ ...TRACER_OPTIONS, allDrops: true });
  drop(1);
  tracer.wakeOnNext();
  tracer.unref();
});
