import { expect, it } from 'vitest';
import { parseSoftnet, softnetSince } from '../../lib/link/softnet.ts';

const line = (dropped: string, squeezes: string, cpu: string) =>
  `0001b669 ${dropped} ${squeezes} ${'00000000 '.repeat(9)}${cpu}\n`;

it('adds up by how much the counts of all CPUs rose, which wrap at 32 bits', () => {
  const before = parseSoftnet(
    line('fffffffe', '0000000a', '00000000') + line('00000001', '00000000', '00000003'),
  );
  const now = parseSoftnet(
    line('00000001', '0000000c', '00000000') + line('00000005', '00000000', '00000003'),
  );
  expect(softnetSince(before, now)).toEqual({ dropped: 7n, timeSqueeze: 2n });
});

it('leaves out a CPU that was offline, and takes lines for CPUs where those have no number', () => {
  const before = parseSoftnet('0 1 1\n');
  const now = parseSoftnet('0 2 1\n0 9 9\n');
  expect(softnetSince(before, now)).toEqual({ dropped: 1n, timeSqueeze: 0n });
});
