import type { CounterName } from '../../drops/drop-event.ts';
import { formatMacAddress } from '../../ethernet/mac-address.ts';
import { type VlanTag, vlanTag } from '../../ethernet/vlan.ts';

/** Whom drops are from, as the script tells it. */
interface Talker {
  readonly interface: string;
  readonly ifindex: number;
  readonly netns: number;
  readonly counter: CounterName;
  /** What only a known talker has. Addresses: '' where there is no Ethernet header. */
  readonly source?: string;
  readonly destination?: string;
  readonly etherType?: number;
  readonly vlan?: VlanTag;
}

/** A frame that raised a counter. */
export interface ScriptDrop extends Required<Omit<Talker, 'vlan'>>, Pick<Talker, 'vlan'> {
  readonly kind: 'drop';
  /** From 1 on, without gaps. */
  readonly number: number;
  readonly timestampNs: bigint;
  readonly cpu: number;
  readonly length: number;
  readonly after: bigint;
  readonly header: Uint8Array;
}

/** Drops of a talker that have no line of their own. */
export interface ScriptTotal {
  readonly kind: 'total';
  readonly talker: Talker;
  /** Since the start. */
  readonly count: number;
}

/** How many drops there were since the start. */
interface ScriptCount {
  readonly seen: number;
  /** Those that have a line of their own: the number of the last one. */
  readonly told: number;
}

/** A count each second. The first one says that the script sees every drop. */
interface ScriptTick extends ScriptCount {
  readonly kind: 'tick';
  readonly timestampNs: bigint;
}

interface ScriptEnd extends ScriptCount {
  readonly kind: 'end';
}

/** What a line of drops.stp says. */
export type ScriptMessage = ScriptDrop | ScriptTotal | ScriptTick | ScriptEnd;

/**
 * Reads a line that drops.stp printed; undefined for one that is none, or not whole: a transport that
 * is too slow cuts lines, and mixes NUL bytes in.
 */
export function parseScriptLine(line: string): ScriptMessage | undefined {
  // A number beyond 2^53 would lose its last digits.
  const exact = line.replace(/"(t|after)":(\d+)/g, '"$1":"$2"');
  try {
    const fields: unknown = JSON.parse(exact);
    return isRecord(fields) ? message(fields) : undefined;
  } catch {
    return undefined;
  }
}

/** What the script and its runtime say on stderr when they end. */
export interface LastWords {
  /** As the line 'end' has it, which may not have come through. */
  readonly count?: ScriptEnd;
  /** Frames that came to where they are dropped, and were not seen to be freed: whosever they were. */
  readonly unpaired: number;
  /** How often the script was not run where it should have been: whatever the frame was. */
  readonly skipped: number;
}

/** Reads the stderr of staprun. */
export function parseLastWords(stderr: string): LastWords {
  const skipped = Number(/skipped probes: (\d+)/.exec(stderr)?.[1] ?? 0);
  const found = /dropscope: seen (\d+), told (\d+), unpaired (\d+)/.exec(stderr);
  if (found === null) return { skipped, unpaired: 0 };
  const [seen = 0, told = 0, unpaired = 0] = found.slice(1).map(Number);
  return { skipped, unpaired, count: { kind: 'end', seen, told } };
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function message(fields: Fields): ScriptMessage | undefined {
  switch (fields['e']) {
    case 'drop':
      return drop(fields);
    case 'total':
      return { kind: 'total', talker: talker(fields), count: number(fields, 'count') };
    case 'tick':
      return { kind: 'tick', timestampNs: bigNumber(fields, 't'), ...count(fields) };
    case 'end':
      return { kind: 'end', ...count(fields) };
    default:
      return undefined;
  }
}

function count(fields: Fields): ScriptCount {
  return {
    seen: number(fields, 'seen'),
    told: number(fields, 'told'),
  };
}

function drop(fields: Fields): ScriptDrop {
  const { source = '', destination = '', etherType = 0, ...rest } = talker(fields);
  return {
    kind: 'drop',
    ...rest,
    source,
    destination,
    etherType,
    number: number(fields, 'n'),
    timestampNs: bigNumber(fields, 't'),
    cpu: number(fields, 'cpu'),
    length: number(fields, 'len'),
    after: bigNumber(fields, 'after'),
    header: Buffer.from(text(fields, 'header'), 'hex'),
  };
}

function talker(fields: Fields): Talker {
  return {
    interface: interfaceName(text(fields, 'if')),
    ifindex: number(fields, 'ifindex'),
    netns: number(fields, 'netns'),
    counter: number(fields, 'nohandler') === 1 ? 'rx_nohandler' : 'rx_dropped',
    ...('src' in fields ? frame(fields) : {}),
  };
}

function frame(fields: Fields): Partial<Talker> {
  const tag = number(fields, 'tag');
  return {
    source: macAddress(text(fields, 'src')),
    destination: macAddress(text(fields, 'dst')),
    etherType: number(fields, 'proto'),
    ...(tag === 0 ? {} : { vlan: vlanTag(tag >>> 16, tag & 0xffff) }),
  };
}

/** From the 16 bytes of net_device.name: any but / and white space may be in it. */
function interfaceName(digits: string): string {
  const bytes = Buffer.from(digits, 'hex');
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? undefined : end);
}

/** From up to 12 hex digits; a frame without Ethernet header has -1, which has more. */
function macAddress(digits: string): string {
  if (!/^[\da-f]+$/.test(digits)) throw new TypeError('No hex digits');
  if (digits.length > 12) return '';
  return formatMacAddress(Buffer.from(digits.padStart(12, '0'), 'hex'));
}

function number(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`No number ${name}`);
}

/** 64 bits have at most 20 digits. */
function bigNumber(fields: Fields, name: string): bigint {
  const digits = text(fields, name);
  if (!/^\d{1,20}$/.test(digits)) throw new TypeError(`No number ${name}`);
  return BigInt(digits);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new TypeError(`No text ${name}`);
  return value;
}
