import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { DropscopeError } from '../errors.ts';
import { type DecodedFrame, decodeFrame } from '../ethernet/frame.ts';
import { composeFrame, openInjector } from '../index.ts';
import {
  etherType,
  hexBytes,
  integer,
  macAddress,
  networkNamespace,
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
  readonly vlan?: VlanArgument;
  readonly pad: boolean;
  readonly count: number;
  readonly netns?: string | number;
  readonly json?: boolean;
}

/** Frames between two looks at whether there was a Ctrl-C. */
const FRAMES_PER_TURN = 4096;

const EXAMPLES = `
Examples:
  dropscope inject lo
  dropscope inject eth0 --ether-type 0x88b5 --vlan 99:5 --payload-hex 0a0b0c --count 1000
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
    .option('--count <n>', 'how often', integer('--count', 1), 1)
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
  const { count, json = false } = options;
  const bytes = options.frameHex ?? encode(options);
  const frame = decodeFrame(bytes);
  const say = async (sent: number) => {
    const said: Sent = { name, frame, length: bytes.length, sent, count };
    await output.write(json ? sentJson(said) : sentText(said));
  };

  using injector = openInjector(name, { networkNamespace: options.netns });
  using interruption = new Interruption();
  const { signal } = interruption;
  // sendAll may be waiting for room, for as long as a queue pleases.
  signal.addEventListener('abort', () => injector.close());
  let sent = 0;
  try {
    while (sent < count && !signal.aborted) {
      const length = Math.min(count - sent, FRAMES_PER_TURN);
      sent += await injector.sendAll(Array.from({ length }, () => bytes));
      await nextTurn();
    }
  } catch (error) {
    const ours = error instanceof DropscopeError ? error : undefined;
    sent += ours?.sent ?? 0;
    if (!signal.aborted || ours?.code !== 'ERR_CLOSED') {
      if (sent > 0) await say(sent);
      throw error;
    }
  }
  await say(sent);
  process.exitCode = interruption.exitCode ?? 0;
}

function encode(options: InjectOptions): Uint8Array {
  const { source, destination, etherType, vlan, pad, payloadHex: payload } = options;
  return composeFrame({ source, destination, etherType, vlan, pad, payload });
}

/** What was sent of what was asked for. */
interface Sent {
  readonly name: string;
  readonly frame: DecodedFrame;
  readonly length: number;
  readonly sent: number;
  readonly count: number;
}

function sentText({ name, frame, length, sent, count }: Sent): string {
  const { source, destination, etherType, vlan } = frame;
  const frames = `${sent === count ? '' : `${sent} of `}${count} ${count === 1 ? 'frame' : 'frames'}`;
  return (
    `Sent ${frames} of ${length} bytes on ${printable(name)}: ` +
    `${source} > ${destination}, EtherType ${typeText(etherType, vlan)}\n`
  );
}

function sentJson({ name, frame, length, sent }: Sent): string {
  return jsonLine({
    event: 'sent',
    time: new Date().toISOString(),
    interface: name,
    count: sent,
    source: frame.source,
    destination: frame.destination,
    ether_type: hex16(frame.etherType),
    vlan: vlanJson(frame.vlan),
    length,
  });
}
