import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Checks what network cards are usually left to do. */
const PREFERENCES = [
  'ip.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
];

/** Warnings and errors: what is less says what is unusual, not what is wrong. */
const WARNING = 0x600000;

/** What Wireshark's dissectors find wrong in each frame. */
export function complaints(frames: readonly Uint8Array[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-tshark-'));
  try {
    const file = join(folder, 'frames.pcap');
    writeFileSync(file, capture(frames));
    const args = [
      ...['-r', file, '-T', 'fields', '-E', 'aggregator=|'],
      ...['-e', '_ws.expert.severity', '-e', '_ws.expert.message'],
      ...PREFERENCES.flatMap((preference) => ['-o', preference]),
    ];
    const output = execFileSync('tshark', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    return String(output).split('\n').slice(0, frames.length).map(seriousOnes);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function seriousOnes(line: string): string[] {
  const [severities = [], messages = []] = line.split('\t').map((field) => field.split('|'));
  return messages.filter((_, index) => Number(severities[index]) >= WARNING);
}

/** A capture file: draft-ietf-opsawg-pcap. */
function capture(frames: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  return Buffer.concat([header, ...records]);
}
