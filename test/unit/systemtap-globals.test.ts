import { expect, it } from 'vitest';
import { scriptGlobals } from '../../lib/probes/systemtap/script-globals.ts';
import { TRIAL_OPTIONS } from '../../lib/probes/trial.ts';

const NONE = { ...TRIAL_OPTIONS, headerBytes: 64 };

it('gives the script numbers only', () => {
  const globals = scriptGlobals(
    {
      ...NONE,
      ifindexes: [1, 500],
      sources: [Uint8Array.of(0, 0, 0x5e, 0, 0x53, 0)],
      etherTypes: [0x4321],
    },
    4026531840,
  );
  expect(globals).toEqual([
    'netns=4026531840',
    'ifindexes=1,1f4,',
    'sources=00005e005300,',
    'ether_types=4321,',
    'header_bytes=64',
    'lines_a_tenth=200',
  ]);
});

it('refuses more values than the script can take', () => {
  const sources = Array.from({ length: 79 }, () => new Uint8Array(6));
  expect(() => scriptGlobals({ ...NONE, sources }, 1)).toThrow('no room for so many sources.');
});

it('leaves out the filters that let all pass', () => {
  expect(scriptGlobals(NONE, 1)).toEqual(['netns=1', 'header_bytes=64', 'lines_a_tenth=200']);
});
