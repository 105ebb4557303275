import { describe, expect, it } from 'vitest';
import type { DropEvent, DropTotals, LostEvent } from '../../lib/index.ts';
import { ScriptFeed } from '../../lib/probes/systemtap/script-feed.ts';
import { parseLastWords, parseScriptLine } from '../../lib/probes/systemtap/script-output.ts';

const DROP =
  '{"e":"drop","n":1,"t":9007199254740993123,"cpu":1,"if":"6c6f0000000000000000000000000000","ifindex":1,"netns":4026531840,"src":"5e005300","dst":"0","proto":17185,"tag":0,"len":60,"nohandler":0,"after":18014398509481985,"header":"00000000000000005e0053004321"}';
const TALKER =
  '"if":"7661225c000000000000000000000000","ifindex":1,"netns":4026531840,"src":"5e005300","dst":"20000000b","proto":17185,"tag":2164285539,"nohandler":1';

const drop = (number: number) => DROP.replace('"n":1', `"n":${number}`);
const total = (count: number) => `{"e":"total",${TALKER},"count":${count}}`;
const tick = (seen: number, told: number) => `{"e":"tick","t":1,"seen":${seen},"told":${told}}`;
const end = (seen: number, told: number) => `{"e":"end","t":1,"seen":${seen},"told":${told}}`;

describe('a line of the script', () => {
  it('tells a drop, with all digits of its numbers', () => {
    expect(parseScriptLine(DROP)).toEqual({
      kind: 'drop',
      number: 1,
      timestampNs: 9007199254740993123n,
      cpu: 1,
      interface: 'lo',
      ifindex: 1,
      netns: 4026531840,
      source: '00:00:5e:00:53:00',
      destination: '00:00:00:00:00:00',
      etherType: 0x4321,
      length: 60,
      counter: 'rx_dropped',
      after: 18014398509481985n,
      header: Buffer.from('00000000000000005e0053004321', 'hex'),
    });
  });

  it('tells a VLAN tag, and a total', () => {
    expect(parseScriptLine(total(7))).toEqual({
      kind: 'total',
      count: 7,
      talker: {
        interface: 'va"\\',
        ifindex: 1,
        netns: 4026531840,
        counter: 'rx_nohandler',
        source: '00:00:5e:00:53:00',
        destination: '00:02:00:00:00:0b',
        etherType: 0x4321,
        vlan: { id: 99, priority: 3, dei: false, protocol: 0x8100 },
      },
    });
  });

  it('has no addresses where the device has no Ethernet header', () => {
    const line = DROP.replace('"5e005300"', '"ffffffffffffffff"').replace(
      '"0"',
      '"ffffffffffffffff"',
    );
    expect(parseScriptLine(line)).toMatchObject({ source: '', destination: '' });
  });

  it.each([
    ['is cut', DROP.slice(0, 90)],
    ['has NUL bytes', `\0\0${DROP}`],
    ['lacks a field', DROP.replace('"cpu":1,', '')],
    ['is of something else', 'WARNING: Kernel function symbol table missing'],
    ['has other letters in an address', DROP.replace('5e005300', 'zz')],
    ['has no digits in an address', DROP.replace('5e005300', '')],
    ['has no digits in a time', DROP.replace('9007199254740993123', '"soon"')],
    ['has less than nothing of something', DROP.replace('"len":60', '"len":-60')],
    ['has half of something', DROP.replace('"ifindex":1', '"ifindex":1.5')],
    ['has more of something than there can be', total(1e300)],
    ['is empty', ''],
    ['is no object', '5'],
    ['tells nothing known', '{"e":"begin"}'],
  ])('is skipped when it %s', (_, line) => {
    expect(parseScriptLine(line)).toBeUndefined();
  });
});

it('reads the last words of the script', () => {
  const stderr =
    'WARNING: dropscope: seen 9, told 2, unpaired 1\nWARNING: Number of errors: 0, skipped probes: 3\n';
  expect(parseLastWords(stderr)).toEqual({
    skipped: 3,
    unpaired: 1,
    count: { kind: 'end', seen: 9, told: 2 },
  });
  expect(parseLastWords('')).toEqual({ skipped: 0, unpaired: 0 });
});

describe('the accounts of the script', () => {
  it('add up when all comes through', () => {
    expect(accounts(drop(1), drop(2), total(5), tick(7, 2), total(9), end(11, 2))).toEqual({
      drops: 2,
      totals: [5, 4],
      lost: [],
    });
  });

  it('wait a tick for lines that were overtaken', () => {
    expect(accounts(drop(1), tick(2, 2), drop(2), tick(2, 2), end(2, 2)).lost).toEqual([]);
  });

  it('count a line that did not come as lost, once, even if it comes later', () => {
    expect(accounts(drop(1), tick(3, 3), tick(3, 3), drop(2), drop(4), end(4, 4))).toEqual({
      drops: 2,
      totals: [],
      lost: [2],
    });
  });

  it('let the next total heal the loss of one', () => {
    expect(accounts(tick(5, 0), total(9), end(9, 0))).toEqual({ drops: 0, totals: [9], lost: [] });
  });

  it('count totals as lost that did not come until the end', () => {
    expect(accounts(total(4), tick(4, 0), end(9, 0))).toEqual({ drops: 0, totals: [4], lost: [5] });
  });

  it('count what was lost once, though the end is told twice', () => {
    expect(accounts(drop(1), total(4), tick(6, 2), end(9, 3), end(9, 3)).lost).toEqual([2, 2]);
  });

  it('keep a talker whose interface was renamed', () => {
    const renamed = total(9).replace('"if":"76', '"if":"77');
    expect(accounts(total(4), renamed, end(9, 0)).totals).toEqual([4, 5]);
  });

  it('close with what was last said where the script was killed', () => {
    const { feed, lost } = collect([drop(1), total(2), tick(9, 4)]);
    feed.abandon();
    expect(lost.map(({ count }) => count)).toEqual([3, 3]);
  });

  it('publish the value with this frame, and one less before it', () => {
    const [drop] = collect([DROP]).drops;
    expect(drop?.counter).toEqual({
      name: 'rx_dropped',
      before: 18014398509481984n,
      after: 18014398509481985n,
    });
  });
});

function accounts(...lines: string[]) {
  const { drops, totals, lost } = collect(lines);
  return {
    drops: drops.length,
    totals: totals.map(({ count }) => count),
    lost: lost.map(({ count }) => count),
  };
}

/** What a sink is told of these lines. */
function collect(lines: readonly string[]) {
  const drops: DropEvent[] = [];
  const totals: DropTotals[] = [];
  const lost: LostEvent[] = [];
  const feed = new ScriptFeed({
    batch: (batch) => drops.push(...batch),
    totals: (event) => totals.push(event),
    talkers() {},
    lost: (event) => lost.push(event),
    failed() {},
  });
  for (const line of lines) {
    const message = parseScriptLine(line);
    if (message !== undefined) feed.take(message);
  }
  return { feed, drops, totals, lost };
}
