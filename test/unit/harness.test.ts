import { once } from 'node:events';
import { expect, it } from 'vitest';
import { ip, netnsOf, openNamespace } from '../support/namespace.ts';
import { countDescriptors } from '../support/resources.ts';
import { startNode } from '../support/run-node.ts';

it('gives a test file a network namespace with nothing in it but lo', () => {
  expect(netnsOf()).not.toBe(netnsOf(process.ppid));
  expect(ip('-o', 'link', 'show').trim().split('\n')).toEqual([expect.stringMatching(/^1: lo: /)]);
});

it('opens a second namespace and leaves nothing of it', async () => {
  const before = countDescriptors();
  {
    await using peer = await openNamespace();
    expect(peer.netns).not.toBe(netnsOf());
    const { stdout } = await peer.exec('readlink', ['/proc/self/ns/net']);
    expect(stdout).toBe(`net:[${peer.netns}]\n`);
    const child = peer.spawn('cat', []);
    child.stdin.end();
    await once(child, 'close');
  }
  expect(countDescriptors()).toBe(before);
});

it('tells what a command that failed wrote to stderr', async () => {
  await using peer = await openNamespace();
  expect(() => ip('link', 'show', 'dev', 'eth7')).toThrow('Device "eth7" does not exist.');
  expect(() => peer.ip('link', 'show', 'dev', 'eth7')).toThrow('Device "eth7" does not exist.');
  await expect(peer.exec('ip', ['link', 'show', 'dev', 'eth7'])).rejects.toThrow('does not exist');
});

it('knows what a process printed that ended before anybody asked', async () => {
  const script = 'console.log("out"); console.error("err"); process.exitCode = 3;';
  const { child, finish } = startNode(['-e', script]);
  await once(child, 'close');
  expect(await finish()).toEqual({ code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' });
});

it('leaves the output of a process alone until it ends or is asked for', async () => {
  const script = 'process.stdout.write("x".repeat(1e6), () => console.error("written"));';
  const { child, finish } = startNode(['-e', script]);
  await once(child, 'spawn');
  expect([child.stdout.readableFlowing, child.stdout.readableDidRead]).toEqual([null, false]);
  const { stdout, stderr } = await finish();
  expect([stdout.length, stderr]).toEqual([1e6, 'written\n']);
});
