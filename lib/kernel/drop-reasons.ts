import { readFileSync } from 'node:fs';
import { Btf, type Enumerator } from './btf.ts';

/** Bits 16-31 of a reason: its subsystem; 0 is the core. include/net/dropreason.h */
const SUBSYSTEM_MASK = 0xffff0000;

/** Modules with drop reasons of their own, where they are not built in. */
const MODULES = ['mac80211', 'openvswitch'];

const TRACE_FORMATS = [
  '/sys/kernel/tracing/events/skb/kfree_skb/format',
  '/sys/kernel/debug/tracing/events/skb/kfree_skb/format',
];

let loaded: DropReasons | undefined;

/**
 * The names of drop reasons. They are no ABI: the numbers change with every release, so they come
 * from a running kernel. Reasons exist since Linux 5.17; before that there are no names.
 */
export class DropReasons {
  readonly #names = new Map<number, string>();
  readonly #numbers = new Map<string, number>();

  constructor(reasons: Iterable<Enumerator> = []) {
    for (const { name, value } of reasons) {
      // 0 is SKB_NOT_DROPPED_YET, which no drop has.
      if (value === 0 || this.#names.has(value)) continue;
      this.#names.set(value, name);
      this.#numbers.set(name, value);
    }
  }

  /**
   * Those of this kernel: read from its BTF, else from tracefs, else there are none. Read at the
   * first call and kept, for they cannot change while the kernel runs. While this process has no
   * descriptor or memory to read them with, there are none either.
   */
  static ofThisKernel(): DropReasons {
    if (loaded !== undefined) return loaded;
    try {
      loaded = new DropReasons(readBtf() ?? readTraceFormat() ?? []);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    return loaded ?? new DropReasons();
  }

  /**
   * The kernel's name of a reason: without SKB_DROP_REASON_ for the core's, in full for those of a
   * subsystem (`OVS_DROP_METER`), as the kernel prints it. Undefined where it has no name here.
   */
  nameOf(reason: number): string | undefined {
    return this.#names.get(reason);
  }

  /** The number of a name as `nameOf` gives it, in any case: the kernel's are in upper case. */
  numberOf(name: string): number | undefined {
    return this.#numbers.get(name.toUpperCase());
  }

  /** The names, as `nameOf` gives them. */
  get names(): Iterable<string> {
    return this.#numbers.keys();
  }

  /** How many have a name. */
  get size(): number {
    return this.#names.size;
  }

  /** Up to five names that contain `text`, or begin with a third of it or more; the likest first. */
  like(text: string): string[] {
    const wanted = text.toUpperCase();
    return [...this.#numbers.keys()]
      .map((name) => ({ name, likeness: likeness(name, wanted) }))
      .filter(({ likeness }) => likeness > 0 && likeness >= wanted.length / 3)
      .sort((a, b) => b.likeness - a.likeness)
      .slice(0, 5)
      .map(({ name }) => name);
  }
}

/** How many characters of `wanted` a name has: all of them anywhere, or those it begins with. */
function likeness(name: string, wanted: string): number {
  if (name.includes(wanted)) return wanted.length;
  let common = 0;
  while (common < wanted.length && name[common] === wanted[common]) common++;
  return common;
}

/** The reasons in the BTF of vmlinux and of those modules that have reasons. Throws RangeError. */
export function reasonsInBtf(vmlinux: Uint8Array, modules: readonly Uint8Array[]): Enumerator[] {
  const base = new Btf(vmlinux);
  const reasons: Enumerator[] = [];
  for (const btf of [base, ...modules.map((bytes) => new Btf(bytes, base))]) {
    for (const { name, members } of btf.enums('_drop_reason')) {
      const core = name === 'skb_drop_reason';
      reasons.push(...(core ? members().flatMap(coreReason) : members().filter(isSubsystemReason)));
    }
  }
  return reasons;
}

function coreReason({ name, value }: Enumerator): Enumerator[] {
  // SKB_DROP_REASON_SUBSYS_MASK and _MAX are members of the enum but no reasons.
  if ((value & SUBSYSTEM_MASK) !== 0 || name === 'SKB_DROP_REASON_MAX') return [];
  return [{ name: name.replace(/^SKB_(DROP_REASON_)?/, ''), value }];
}

function isSubsystemReason({ name, value }: Enumerator): boolean {
  // Bounds begin with underscores (__OVS_DROP_MAX); RX_CONTINUE of mac80211 lies in the core's range.
  return (value & SUBSYSTEM_MASK) !== 0 && !name.startsWith('_');
}

/** The reasons in the `format` file of the trace event skb:kfree_skb: `{ 2, "NOT_SPECIFIED" }`. */
export function reasonsInTraceFormat(text: string): Enumerator[] {
  return [...text.matchAll(/\{\s*(0x[0-9a-f]+|\d+),\s*"(\w+)"\s*\}/gi)].map(([, value, name]) => ({
    name: (name ?? '').replace(/^SKB_DROP_REASON_/, ''),
    value: Number(value),
  }));
}

function readBtf(): Enumerator[] | undefined {
  const vmlinux = read('/sys/kernel/btf/vmlinux');
  if (vmlinux === undefined) return undefined;
  const modules = MODULES.map((name) => read(`/sys/kernel/btf/${name}`));
  try {
    const reasons = reasonsInBtf(
      vmlinux,
      modules.filter((bytes) => bytes !== undefined),
    );
    return reasons.length > 0 ? reasons : undefined;
  } catch (error) {
    // Names are a convenience: BTF that cannot be read costs them, not the watch.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readTraceFormat(): Enumerator[] | undefined {
  for (const path of TRACE_FORMATS) {
    const bytes = read(path);
    if (bytes !== undefined) return reasonsInTraceFormat(bytes.toString('latin1'));
  }
  return undefined;
}

/** The bytes of a file; undefined where it cannot be read. Throws what may be otherwise later. */
function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isPassing(error)) throw error;
    return undefined;
  }
}

/** Whether a file could not be read because this process, or the machine, lacks something now. */
function isPassing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM';
}
