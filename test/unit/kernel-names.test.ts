import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { Btf } from '../../lib/kernel/btf.ts';
import { DropReasons, reasonsInBtf, reasonsInTraceFormat } from '../../lib/kernel/drop-reasons.ts';
import { SymbolTable } from '../../lib/kernel/symbol-table.ts';
import { KernelSymbols } from '../../lib/kernel/symbols.ts';
import { runNode } from '../support/run-node.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

const FIRST = { name: 'first', address: 0xc0000000, dropsIn: 'drop_first', references: 0 };
const SECOND = { name: 'second', address: 0xc0001000, dropsIn: 'drop_second', references: 0 };

const folders: string[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

it('reads the same drop reasons from BTF as bpftool does', () => {
  const dump = execFileSync('bpftool', ['btf', 'dump', 'file', VMLINUX], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  const theirs = [...dump.matchAll(/'SKB_DROP_REASON_(?!SUBSYS_|MAX')(\w+)' val=(\d+)/g)].map(
    ([, name, value]) => ({ name, value: Number(value) }),
  );
  const ours = reasonsInBtf(readFileSync(VMLINUX), []).filter(
    // SKB_NOT_DROPPED_YET and SKB_CONSUMED are no SKB_DROP_REASON_.
    ({ name, value }) => value < 0x10000 && name !== 'NOT_DROPPED_YET' && name !== 'CONSUMED',
  );
  expect(theirs.length).toBeGreaterThan(50);
  expect(ours).toEqual(theirs);
});

it('finds a reason by its name and by its number', () => {
  const reasons = DropReasons.ofThisKernel();
  const number = reasons.numberOf('UNHANDLED_PROTO');
  expect(number).toBeGreaterThan(2);
  expect(reasons.nameOf(number ?? 0)).toBe('UNHANDLED_PROTO');
  expect(reasons.nameOf(0xfffe)).toBeUndefined();
  expect(reasons.numberOf('unhandled_proto')).toBe(number);
  expect(reasons.numberOf('BAD_LUCK')).toBeUndefined();
  // 0, which no drop has.
  expect(reasons.numberOf('NOT_DROPPED_YET')).toBeUndefined();
});

it.each([
  ['UNHANDLED_PROTOCOL', ['UNHANDLED_PROTO']],
  ['unhandeld_proto', ['UNHANDLED_PROTO']],
  ['HANDLED_PROTO', ['UNHANDLED_PROTO']],
  ['NO_SOKET', ['NO_SOCKET']],
  ['SOCKET_', ['SOCKET_FILTER', 'SOCKET_RCVBUFF', 'SOCKET_BACKLOG', 'SOCKET_CLOSE']],
  ['BAD_LUCK', []],
  ['4294967296', []],
  ['', []],
])('finds the names that are like %s', (text, names) => {
  const reasons = ['NO_SOCKET', 'SOCKET_FILTER', 'UNHANDLED_PROTO', 'SOCKET_RCVBUFF', 'NOMEM'];
  const more = ['SOCKET_BACKLOG', 'NEIGH_FAILED', 'SOCKET_CLOSE'];
  const known = new DropReasons([...reasons, ...more].map((name, i) => ({ name, value: i + 1 })));
  expect(known.like(text)).toEqual(names);
});

it('reads drop reasons from the format of the trace event', () => {
  const text =
    'print fmt: "%s", __print_symbolic(REC->reason, { 1, "NOT_SPECIFIED" }, { 2, "NO_SOCKET" }, { 0x10000, "SUBSYS" })';
  expect(reasonsInTraceFormat(text)).toEqual([
    { name: 'NOT_SPECIFIED', value: 1 },
    { name: 'NO_SOCKET', value: 2 },
    { name: 'SUBSYS', value: 0x10000 },
  ]);
});

it('reads BTF wherever it lies in memory', () => {
  const vmlinux = readFileSync(VMLINUX);
  const moved = Buffer.alloc(vmlinux.length + 1).subarray(1);
  vmlinux.copy(moved);
  expect(reasonsInBtf(moved, [])).toEqual(reasonsInBtf(vmlinux, []));
});

it('refuses what is not BTF', () => {
  expect(() => new Btf(Buffer.alloc(24))).toThrow(RangeError);
});

it('names the function at an address and inside it, without the suffixes of compilers', async () => {
  const symbols = KernelSymbols.ofThisKernel();
  await symbols.load();
  const line = /^([0-9a-f]{8})([0-9a-f]{8}) t (__netif_receive_skb_core)[.\w]*$/m.exec(
    readFileSync('/proc/kallsyms', 'latin1'),
  );
  const [high, low] = [Number(`0x${line?.[1]}`), Number(`0x${line?.[2]}`)];
  expect(symbols.nameOf(low, high)).toBe('__netif_receive_skb_core');
  expect(symbols.nameOf(low + 16, high)).toBe('__netif_receive_skb_core');
  expect(symbols.nameOf(0, 0)).toBeUndefined();
});

it('parses symbols from text that is cut anywhere', () => {
  const text = [
    'ffffffff81000000 T _stext',
    'ffffffff81000100 t first.constprop.0',
    'ffffffff81000200 d data',
    'ffffffffc0000000 t module_function.cold\t[module]',
    '',
  ].join('\n');
  for (let cut = 0; cut < text.length; cut++) {
    const table = new SymbolTable();
    table.append(Buffer.from(text.slice(0, cut)));
    table.append(Buffer.from(text.slice(cut)));
    expect(table.size).toBe(3);
    expect(table.nameAt(table.addressOf(0x81000210, 0xffffffff))).toBe('first');
    expect(table.nameAt(table.addressOf(0xc0000008, 0xffffffff))).toBe('module_function');
  }
});

it('notices that the kernel hides its addresses', () => {
  const table = new SymbolTable();
  table.append(Buffer.from('0000000000000000 T _stext\n0000000000000000 t first\n'));
  expect(table.hidden).toBe(true);
});

it('gives the address of a module its new name when the modules were loaded again', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const kernel = madeUpKernel();
  kernel.write([FIRST]);
  expect(kernel.nameOf(0xc0000010)).toBe('drop_first');
  kernel.write([
    { ...SECOND, address: FIRST.address },
    { ...FIRST, address: SECOND.address },
  ]);
  vi.advanceTimersByTime(100);
  expect(kernel.nameOf(0xc0000010)).toBe('drop_second');
  expect(kernel.nameOf(0xc0001010)).toBe('drop_first');
  expect(kernel.nameOf(0x81000110)).toBe('of_the_image');
});

it('looks for a new module at once when an address is new', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const kernel = madeUpKernel();
  kernel.write([FIRST]);
  expect(kernel.nameOf(0xc0000010)).toBe('drop_first');
  kernel.write([FIRST, SECOND]);
  expect(kernel.nameOf(0xc0001010)).toBe('drop_second');
});

it('has no name for an address in a module that is gone', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const kernel = madeUpKernel();
  kernel.write([FIRST, SECOND]);
  expect(kernel.nameOf(0xc0001010)).toBe('drop_second');
  kernel.write([FIRST]);
  vi.advanceTimersByTime(100);
  expect(kernel.nameOf(0xc0001010)).toBeUndefined();
  expect(kernel.nameOf(0xc0000010)).toBe('drop_first');
  kernel.write([]);
  vi.advanceTimersByTime(100);
  expect(kernel.nameOf(0xc0000010)).toBeUndefined();
});

it('does not read the symbols again when only the references of a module have changed', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const kernel = madeUpKernel();
  kernel.write([FIRST]);
  expect(kernel.nameOf(0xc0000010)).toBe('drop_first');
  kernel.write([{ ...FIRST, references: 7, dropsIn: 'not_read' }]);
  vi.advanceTimersByTime(100);
  expect(kernel.nameOf(0xc0000010)).toBe('drop_first');
});

it('reads symbols later that it could not read', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const kernel = madeUpKernel();
  await kernel.symbols.load();
  expect(kernel.nameOf(0x81000110)).toBeUndefined();
  kernel.write([]);
  vi.advanceTimersByTime(100);
  expect(kernel.nameOf(0x81000110)).toBe('of_the_image');
});

it('has names once there is a descriptor to read them with', async () => {
  const { stdout, stderr } = await runNode([
    '--input-type=module',
    '-e',
    `import { execFileSync } from 'node:child_process';
     import { closeSync, openSync, readFileSync } from 'node:fs';
     import { setTimeout as sleep } from 'node:timers/promises';
     import { DropReasons } from '${DIST}/kernel/drop-reasons.js';
     import { KernelSymbols } from '${DIST}/kernel/symbols.js';
     const [, high, low] = /^(\\w{8})(\\w{8}) t __netif_receive_skb_core/m.exec(readFileSync('/proc/kallsyms', 'latin1'));
     const names = () => [
       DropReasons.ofThisKernel().numberOf('NO_SOCKET') !== undefined,
       KernelSymbols.ofThisKernel().nameOf(Number('0x' + low), Number('0x' + high)) ?? '',
     ];
     execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64']);
     const open = [];
     try { for (;;) open.push(openSync('/dev/null')); } catch {}
     const without = names();
     for (const fd of open) closeSync(fd);
     let later = names();
     while (later[1] === '') { await sleep(1); later = names(); }
     console.log(JSON.stringify({ without, later }));`,
  ]);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    without: [false, ''],
    later: [true, '__netif_receive_skb_core'],
  });
});

/** A module with one function. */
interface MadeUpModule {
  readonly name: string;
  /** The lower half of where its function lies. */
  readonly address: number;
  readonly dropsIn: string;
  readonly references: number;
}

/** The names of a kernel that a test describes, now in one way and then in another. */
function madeUpKernel() {
  const folder = mkdtempSync(join(tmpdir(), 'dropscope-symbols-'));
  folders.push(folder);
  const files = { kallsyms: join(folder, 'kallsyms'), modules: join(folder, 'modules') };
  const symbols = new KernelSymbols(files);
  const at = (address: number) => `ffffffff${address.toString(16)}`;
  return {
    symbols,
    nameOf: (low: number) => symbols.nameOf(low, 0xffffffff),
    write(modules: readonly MadeUpModule[]): void {
      const image = [
        'ffffffff81000000 T _stext',
        'ffffffff81000100 t of_the_image',
        'ffffffff82000000 T _einittext',
      ];
      const own = modules.map(
        ({ name, address, dropsIn }) => `${at(address)} t ${dropsIn}\t[${name}]`,
      );
      const list = modules.map(
        ({ name, address, references }) => `${name} 4096 ${references} - Live 0x${at(address)}`,
      );
      writeFileSync(files.kallsyms, [...image, ...own, ''].join('\n'));
      writeFileSync(files.modules, [...list, ''].join('\n'));
    },
  };
}
