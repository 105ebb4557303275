import { once } from 'node:events';
import type { PeerNamespace } from './namespace.ts';
import { waitFor } from './wait-for.ts';

/** tcpdump at work. */
export interface Capture extends AsyncDisposable {
  /** The first `count` frames that came, as soon as there are so many. */
  frames(count: number): Promise<Buffer[]>;
}

/**
 * Captures what comes in on an interface of another namespace. It is a tap: frames that nobody
 * handles are not dropped meanwhile.
 */
export async function startCapture(namespace: PeerNamespace, name: string): Promise<Capture> {
  // The buffer of 16 MiB is cut into slots for the longest frame: 2 KiB make thousands of them.
  const room = ['-B', '16384', '-s', '2048'];
  // As root, for a change of the user would let it outlive this process.
  const options = ['--immediate-mode', '-U', '-n', ...room, '-Q', 'in', '-Z', 'root', '-w', '-'];
  const tcpdump = namespace.spawn('tcpdump', ['-i', name, ...options]);
  let pcap = Buffer.alloc(0);
  tcpdump.stdout.on('data', (chunk: Buffer) => {
    pcap = Buffer.concat([pcap, chunk]);
  });
  let stderr = '';
  tcpdump.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const closed = once(tcpdump, 'close');
  await waitFor('tcpdump to listen', () => {
    if (tcpdump.exitCode !== null) throw new Error(`tcpdump ended: ${stderr}`);
    return stderr.includes('listening on');
  });
  return {
    frames: (count) =>
      waitFor(`${count} frames`, () => {
        const frames = framesOf(pcap);
        return frames.length >= count && frames;
      }),
    async [Symbol.asyncDispose]() {
      tcpdump.kill();
      await closed;
    },
  };
}

/** pcap-savefile(5): a header of 24 bytes; before each frame 16 bytes, the third word its length. */
function framesOf(pcap: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let start = 24; start + 16 <= pcap.length; ) {
    const end = start + 16 + pcap.readUInt32LE(start + 8);
    if (end > pcap.length) break;
    frames.push(pcap.subarray(start + 16, end));
    start = end;
  }
  return frames;
}
