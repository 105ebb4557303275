import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  addon,
  collectGarbage,
  countDescriptors,
  FLOOD_PLAN,
  FRAME,
  LO,
  openTracer,
  run,
  TRACER_OPTIONS,
} from './support/addon.mjs';

const { LinkMonitor, openPacketSocket } = addon;

/** Leaves everything open, and busy: every frame that is sent is a drop that wakes the tracer. */
async function openEverything({ whileOpening }) {
  addon.readLinkStats(0);
  const monitor = new LinkMonitor(() => {});
  const socket = openPacketSocket();
  socket.bind(LO);
  socket.sendIfUnchanged(FRAME);
  const sendAgain = () => {
    socket.send(FRAME);
    socket.onceWritable(sendAgain);
  };
  sendAgain();
  const flood = new addon.Flood(FLOOD_PLAN, () => {});
  const { ifindex, networkNamespace } = FLOOD_PLAN;
  const plan = { ifindex, networkNamespace, engine: 0, speed: 1, framesPerSecond: 0 };
  const replay = new addon.Replay(plan, () => {});
  const times = Float64Array.of(0, 1e15);
  replay.push(FRAME, new Uint32Array(2), Uint32Array.of(60, 60), times);
  const receiver = new addon.LiveReceiver(LO);
  let tracer;
  const opening = openTracer(TRACER_OPTIONS, () => tracer.wakeOnNext());
  if (!whileOpening) {
    tracer = await opening;
    tracer.wakeOnNext();
  }
  return { monitor, socket, flood, replay, receiver, opening };
}

async function terminate(data) {
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  await once(worker, 'message');
  assert.equal(await worker.terminate(), 1);
}

if (isMainThread) {
  run('ip', 'link set lo up');

  it('leaves nothing of a worker that is terminated with everything open', async () => {
    await terminate({});
    const before = countDescriptors();
    for (let i = 0; i < 5; i += 1) await terminate({});
    await collectGarbage();
    assert.equal(countDescriptors(), before);
  });

  it('leaves nothing of a worker that is terminated while a tracer opens', async () => {
    await terminate({ whileOpening: true });
    const before = countDescriptors();
    for (let i = 0; i < 5; i += 1) await terminate({ whileOpening: true });
    await collectGarbage();
    assert.equal(countDescriptors(), before);
  });

  it('leaves nothing of a worker that ends by process.exit', async () => {
    const before = countDescriptors();
    const worker = new Worker(new URL(import.meta.url), { workerData: { exit: true } });
    await once(worker, 'exit');
    assert.equal(countDescriptors(), before);
  });
} else {
  globalThis.opened = await openEverything(workerData);
  if (workerData.exit) process.exit();
  parentPort.postMessage('open');
}
