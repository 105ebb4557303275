import { type Command, Option } from 'commander';
import { type DecodedFrame, decodeFrame } from '../ethernet/frame.ts';
import {
  composeFrame,
  ENGINE_NAMES,
  type EngineName,
  type FloodReport,
  openInjector,
  SCENARIOS,
  type Scenario,
  type ScenarioName,
} from '../index.ts';
import {
  etherType,
  hexBytes,
  integer,
  macAddress,
  networkNamespace,
  seconds,
  type VlanArgument,
  vlan,
} from './arguments.ts';
import { hex16, typeText, vlanJson } from './frame-text.ts';
import { Interruption } from './interruption.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { RECIPE } from './recipe-frame.ts';

interface InjectOptions {
  readonly source: string;
  readonly destination: string;
  readonly etherType: number;
  readonly payloadHex?: Uint8Array;
  readonly frameHex?: Uint8Array;
  readonly scenario?: ScenarioName;
  readonly vlan?: VlanArgument;
  readonly pad: boolean;
  readonly count?: number;
  readonly duration?: number;
  readonly rate?: number;
  readonly engine?: EngineName;
  readonly receive?: boolean;
  readonly netns?: string | number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  dropscope inject lo
  dropscope inject eth0 --ether-type 0x88b5 --vlan 99:5 --payload-hex 0a0b0c --count 1000
  dropscope inject eth0 --rate 100000 --duration 10s
  dropscope inject eth0 --engine live-frames --duration 10s
  dropscope inject eth0 --scenario lldp
  dropscope inject eth0 --scenario lldp --receive
  dropscope inject eth0 --frame-hex 'ffffffffffff 00005e005300 4321'
`;

/** Adds `dropscope inject` to the program. */
export function addInject(program: Command, output: Output): void {
  program
    .command('inject')
    .description('send an Ethernet frame, by default one that the kernel drops when it receives it')
    .argument('<interface>', 'name of the interface to send on')
    .option('--source <mac>', 'source address', macAddress('--source'), RECIPE.source)
    .option(
      '--destination <mac>',
      'destination address',
      macAddress('--destination'),
      RECIPE.destination,
    )
    .addOption(
      new Option('--ether-type <number>', 'EtherType, 0x0600 to 0xffff')
        .argParser(etherType('--ether-type', 0x0600))
        .default(RECIPE.etherType, hex16(RECIPE.etherType)),
    )
    .option('--payload-hex <bytes>', 'what follows the EtherType', hexBytes('--payload-hex'))
    .option('--vlan <id[:priority]>', 'an 802.1Q tag', vlan('--vlan'))
    .option('--no-pad', 'do not fill up to 60 bytes (64 with a tag)')
    .addOption(
      new Option('--frame-hex <bytes>', 'the whole frame, sent as it is')
        .argParser(hexBytes('--frame-hex'))
        .conflicts(['source', 'destination', 'etherType', 'payloadHex', 'vlan', 'pad']),
    )
    .addOption(
      new Option('--scenario <name>', 'a frame that the receiver drops, and what should happen')
        .choices(Object.keys(SCENARIOS))
        .conflicts(['destination', 'etherType', 'payloadHex', 'vlan', 'pad', 'frameHex']),
    )
    .option(
      '--count <n>',
      'how often; default: 1, or no limit with --duration',
      integer('--count', 1),
    )
    .option('--duration <time>', 'for how long: seconds, or 90s, 5m, 2h', seconds('--duration'))
    .option('--rate <n>', 'frames a second; default: as fast as it goes', integer('--rate', 1))
    .addOption(
      new Option('--engine <name>', 'how to send; default: sendmmsg').choices(ENGINE_NAMES),
    )
    .option('--receive', 'let the interface receive it, as if it came from the wire')
    .option(
      '--netns <namespace>',
      'in this network namespace: a name, a path, or a process number',
      networkNamespace('--netns'),
    )
    .option('--json', 'one object a line')
    .addHelpText('after', EXAMPLES)
    .action((name: string, options: InjectOptions) => inject(name, options, output));
}

async function inject(name: string, options: InjectOptions, output: Output): Promise<void> {
  const { duration, rate, scenario, receive: received = false, json = false } = options;
  const count = options.count ?? (duration === undefined ? 1 : undefined);
  const bytes = options.frameHex ?? encode(options);
  const frame = decodeFrame(bytes);
  const say = async (report: FloodReport) => {
    const said: Sent = { name, frame, length: bytes.length, report, count, scenario, received };
    await output.write(json ? sentJson(said) : sentText(said));
  };

  using injector = openInjector(name, {
    networkNamespace: options.netns,
    direction: received ? 'receive' : 'transmit',
  });
  using interruption = new Interruption();
  const { signal } = interruption;
  let report: FloodReport | undefined;
  try {
    await injector.flood({
      frame: bytes,
      count,
      durationMs: duration === undefined ? undefined : duration * 1000,
      framesPerSecond: rate,
      engine: options.engine,
      signal,
      onProgress(latest) {
        report = latest;
      },
    });
  } catch (error) {
    if (!signal.aborted) {
      if (report !== undefined && report.sent > 0) await say(report);
      throw error;
    }
  }
  if (report !== undefined) await say(report);
  process.exitCode = interruption.exitCode ?? (refusedOf(report) > 0 ? 1 : 0);
}

function encode(options: InjectOptions): Uint8Array {
  if (options.scenario !== undefined) {
    return composeFrame({ source: options.source, ...SCENARIOS[options.scenario].frame });
  }
  const { source, destination, etherType, vlan, pad, payloadHex: payload } = options;
  return composeFrame({ source, destination, etherType, vlan, pad, payload });
}

/** What was sent of what was asked for. */
interface Sent {
  readonly name: string;
  readonly frame: DecodedFrame;
  readonly length: number;
  readonly report: FloodReport;
  /** undefined: there was no limit. */
  readonly count: number | undefined;
  readonly scenario: ScenarioName | undefined;
  readonly received: boolean;
}

function sentText({ name, frame, length, report, count, scenario, received }: Sent): string {
  const { source, destination, etherType, vlan } = frame;
  const { sent } = report;
  const all = count ?? sent;
  const frames = `${sent === all ? '' : `${sent} of `}${all} ${all === 1 ? 'frame' : 'frames'}`;
  const refused = refusedOf(report);
  const full = refused > 0 ? `; ${refused} refused on their way, as by a full queue` : '';
  return (
    `${received ? 'Let' : 'Sent'} ${frames} of ${length} bytes ${received ? 'be received by' : 'on'} ${printable(name)}: ` +
    `${source} > ${destination}, EtherType ${typeText(etherType, vlan)}${full}\n` +
    (scenario === undefined ? '' : `${outcomeText(SCENARIOS[scenario])}\n`)
  );
}

/** What should happen at the receiver. */
function outcomeText({ what, counter, reason }: Scenario): string {
  return `${what} There: ${counter ?? 'no counter'}, ${reason}.`;
}

function sentJson({ name, frame, length, report, scenario, received }: Sent): string {
  return jsonLine({
    event: 'sent',
    time: new Date().toISOString(),
    interface: name,
    count: report.sent,
    refused: refusedOf(report),
    engine: report.engine,
    direction: received ? 'receive' : 'transmit',
    seconds: Number((report.durationMs / 1000).toFixed(3)),
    source: frame.source,
    destination: frame.destination,
    ether_type: hex16(frame.etherType),
    vlan: vlanJson(frame.vlan),
    length,
    scenario: scenario ?? null,
  });
}

/** Frames that were dropped on their way: any other refusal ends it. */
function refusedOf(report: FloodReport | undefined): number {
  return (report?.refused['ENOBUFS'] ?? 0) + (report?.refused['EBUSY'] ?? 0);
}
