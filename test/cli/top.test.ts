import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeAll, expect, it } from 'vitest';
import { injectFrame } from '../../lib/index.ts';
import { linkUp, netnsOf } from '../support/namespace.ts';
import { UNKNOWN } from '../support/recipe.ts';
import { onTerminal } from '../support/terminal.ts';
import { dropscope, MAIN, objects, startWatching } from './dropscope.ts';

beforeAll(() => linkUp('lo'));

it('shows who sends most, and what it has counted when it ends', async () => {
  const top = await startWatching('top', 'lo', '--every', '3600');
  for (const etherType of [0x4321, 0x4321, 0x4322]) {
    await injectFrame('lo', { ...UNKNOWN, etherType });
  }
  top.child.kill('SIGINT');
  const { code, stdout, stderr } = await top.finish();
  expect(code).toBe(130);
  expect(stderr).toBe(
    'Watching lo by ebpf: drops that moved a link counter. Ctrl-C ends it.\nready\n',
  );
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^3 drops in \d+ s by ebpf$/);
  expect(lines[1]?.split(/ +/).filter(Boolean)).toEqual(
    'drops/s drops interface source destination ethertype counter why'.split(' '),
  );
  const rows = lines.slice(2, 4).map((line) => line.trim().split(/ {2,}/).slice(1));
  const why = 'UNHANDLED_PROTO at __netif_receive_skb_core';
  expect(rows).toEqual(
    [
      ['2', '0x4321'],
      ['1', '0x4322'],
    ].map(([count, type]) => [
      count,
      'lo',
      UNKNOWN.source,
      UNKNOWN.destination,
      type,
      'rx_dropped',
      why,
    ]),
  );
  expect(lines.slice(4)).toEqual(['', '']);
});

it('tells the rest in one number', async () => {
  const top = await startWatching('top', 'lo', '--every', '3600', '--rows', '1', '--json');
  for (const etherType of [0x4321, 0x4321, 0x4322, 0x4323]) {
    await injectFrame('lo', { ...UNKNOWN, etherType });
  }
  top.child.kill('SIGINT');
  const { stdout } = await top.finish();
  expect(objects(stdout)).toEqual([
    {
      event: 'summary',
      time: expect.any(String),
      probe: 'ebpf',
      since: expect.any(String),
      drops: 4,
      others: 2,
      talkers: [
        {
          interface: 'lo',
          ifindex: 1,
          netns: netnsOf(),
          source: UNKNOWN.source,
          destination: UNKNOWN.destination,
          ether_type: '0x4321',
          vlan: null,
          counter: 'rx_dropped',
          reason: 'UNHANDLED_PROTO',
          location: '__netif_receive_skb_core',
          count: 2,
          missing: 0,
          rate: expect.any(Number),
          first: expect.any(String),
          last: expect.any(String),
        },
      ],
    },
  ]);
});

it('prints a line for each time, which reads on while it goes on', async () => {
  const top = await startWatching('top', 'lo', '--every', '0.02', '--json');
  await injectFrame('lo', UNKNOWN);
  const lines = createInterface(top.child.stdout);
  const counts: number[] = [];
  for await (const line of lines) {
    const { drops }: { drops: number } = JSON.parse(line);
    counts.push(drops);
    if (counts.length === 3) break;
  }
  top.child.kill('SIGINT');
  await once(top.child, 'exit');
  expect(counts.at(-1)).toBe(1);
});

const TOP = [process.execPath, MAIN, 'top', 'lo', '--every', '0.05'];

it('draws over itself on a terminal', async () => {
  const { shown, code } = await onTerminal(TOP, {
    after: '(?s)drops in(.*drops in){2}',
    keys: 'q',
  });
  expect(code).toBe(0);
  // Each time but the first it goes up to where it began: 2 lines, where nothing is dropped.
  expect(shown.split('\r\x1b[2A\x1b[J').length).toBeGreaterThan(2);
  for (const line of shown.split('\r\n')) expect(line.replace(/^\W*/, '').length).toBeLessThan(81);
});

it('ends when q is typed', async () => {
  const { shown, code } = await onTerminal(TOP, { after: 'drops in', keys: 'q' });
  expect(code).toBe(0);
  expect(shown).toMatch(/0 drops in \d+ s by ebpf/);
  expect(shown).not.toContain('q\r');
});

it('ends at Ctrl-C as it does where it does not read the terminal', async () => {
  for (const reads of [true, false]) {
    const { shown, code } = await onTerminal(TOP, { after: 'drops in', keys: '\x03', reads });
    expect(code).toBe(130);
    // A terminal that nobody reads shows what was typed, and the cursor stands behind that.
    expect(shown.includes('^C')).toBe(!reads);
    expect(shown.split('\x1b[J').at(-2)?.endsWith('\r\x1b[2A')).toBe(true);
  }
});

it('gives the terminal back before it hears of Ctrl-C: the next one may end it at once', async () => {
  const keys = new URL('../../dist/cli/keys.js', import.meta.url);
  const program = [
    `import { Keys } from '${keys}';`,
    "import { spawnSync } from 'node:child_process';",
    'new Keys().listen();',
    "process.on('SIGINT', () => {",
    "  spawnSync('stty', ['-a'], { stdio: 'inherit' });",
    '  process.exit();',
    '});',
    'setInterval(() => {}, 1000);',
    "console.log('listening');",
  ];
  const { shown, code } = await onTerminal(
    [process.execPath, '--input-type=module', '-e', program.join('\n')],
    { after: 'listening', keys: '\x03' },
  );
  expect(code).toBe(0);
  expect(shown).toMatch(/ icanon /);
  expect(shown).toMatch(/ isig |^isig /m);
});

it('stops at Ctrl-Z with all that its shell waits for', async () => {
  const command = `sh -c "${TOP.join(' ')}; :"; echo "status $?"; kill -KILL %1`;
  const { shown } = await onTerminal(['bash', '-m', '-c', command], {
    after: 'drops in',
    keys: '\x1a',
  });
  // 128 + SIGTSTP
  expect(shown).toContain('status 148');
});

it('draws below what it has drawn on a terminal that cannot move its cursor', async () => {
  const { shown } = await onTerminal(TOP, {
    after: 'drops in [^$]*drops in',
    keys: 'q',
    term: 'dumb',
  });
  expect(shown).toMatch(/0 drops in \d+ s by ebpf\r\n/);
  expect(shown).not.toContain('\x1b');
});

it('refuses a time that is too long, or too short', async () => {
  for (const [every, ms] of [
    ['2h', '7200000'],
    ['0.001', '1'],
  ] as const) {
    const { code, stderr } = await dropscope(['top', '--every', every]);
    expect(code).toBe(2);
    expect(stderr).toBe(
      `dropscope: Expected an integer from 10 to 3600000 for --every, in milliseconds, but received ${ms}.\n`,
    );
  }
});

it('ends after its time', async () => {
  const { code, stdout } = await dropscope(['top', '--duration', '0.05', '--json']);
  expect(code).toBe(0);
  expect(objects(stdout).at(-1)).toMatchObject({ event: 'summary', drops: 0, talkers: [] });
});
