import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { carrier } from './links.ts';
import { ip, linkUp, moveLink, type PeerNamespace, vethPair } from './namespace.ts';
import { waitFor } from './wait-for.ts';

/** Makes `a` and `b`, each the other's peer, and sets them up. */
export async function addVeth(): Promise<void> {
  vethPair('a', 'b');
  linkUp('b');
  linkUp('a');
  await carrier('a');
}

/** Deletes them, unless a test has. */
export function deleteVeth(): void {
  try {
    ip('link', 'delete', 'dev', 'a');
  } catch {
    // A test has deleted it.
  }
}

/** Moves `b` to another namespace, and waits until `a` sends. */
export async function moveB(namespace: PeerNamespace): Promise<void> {
  moveLink('b', namespace);
  namespace.ip('link', 'set', 'dev', 'b', 'addrgenmode', 'none', 'up');
  await carrier('a');
}

/**
 * What `send` resolves with, and the hash of the frames that arrive at `b` in a namespace meanwhile: so many of 60
 * bytes, whose destination is 02:00:00:00:00:0b.
 */
export async function hashArrived<T>(
  peer: PeerNamespace,
  count: number,
  send: () => Promise<T>,
): Promise<{ result: T; hash: string }> {
  const file = join(tmpdir(), `dropscope-arrived-${process.pid}.pcap`);
  const options = ['-i', 'b', '-n', '-s', '96', '-B', '524288', '-U', '-Z', 'root', '-w', file];
  const tcpdump = peer.spawn('tcpdump', [...options, 'ether', 'host', '02:00:00:00:00:0b']);
  const closed = once(tcpdump, 'close');
  try {
    let stderr = '';
    tcpdump.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await waitFor('tcpdump to listen', () => stderr.includes('listening on'));
    const result = await send();
    await waitFor('tcpdump to have all', () => statSync(file).size >= 24 + count * 76);
    tcpdump.kill('SIGINT');
    await closed;
    return { result, hash: hashOf(capturedFrames(file)) };
  } finally {
    tcpdump.kill('SIGKILL');
    await closed;
    rmSync(file, { force: true });
  }
}

export function hashOf(frames: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const frame of frames) hash.update(frame);
  return hash.digest('hex');
}

/** The bytes of the frames in a capture file whose records have 60 each. */
function* capturedFrames(file: string): Generator<Uint8Array> {
  const bytes = readFileSync(file);
  for (let at = 24; at + 76 <= bytes.length; at += 76) yield bytes.subarray(at + 16, at + 76);
}
