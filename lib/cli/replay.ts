import { type Command, Option } from 'commander';
import { type EngineName, openInjector, type ReplayReport } from '../index.ts';
import { integer, macAddress, networkNamespace, positive } from './arguments.ts';
import { Interruption } from './interruption.ts';
import { jsonLine } from './json-line.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';

interface ReplayArguments {
  readonly speed?: number;
  readonly rate?: number;
  readonly flatOut?: boolean;
  readonly loop: number;
  readonly source?: string;
  readonly destination?: string;
  readonly engine?: EngineName;
  readonly receive?: boolean;
  readonly netns?: string | number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  dropscope replay eth0 capture.pcapng
  dropscope replay eth0 capture.pcap --speed 10 --destination 02:00:00:00:00:0b
  dropscope replay eth0 capture.pcap --flat-out --loop 100
  tcpdump -i eth1 -U -w - | dropscope replay eth0 -
`;

/** Adds `dropscope replay` to the program. */
export function addReplay(program: Command, output: Output): void {
  program
    .command('replay')
    .description(
      'send the frames of a pcap or pcapng file, at the pace at which they were captured',
    )
    .argument('<interface>', 'name of the interface to send on')
    .argument('<file>', 'the file or pipe, or - for standard input')
    .option('--speed <factor>', 'so many times as fast', positive('--speed'))
    .addOption(
      new Option('--rate <n>', 'frames a second')
        .argParser(integer('--rate', 1))
        .conflicts(['speed', 'flatOut']),
    )
    .addOption(new Option('--flat-out', 'as fast as it goes').conflicts('speed'))
    .option('--loop <n>', 'how often', integer('--loop', 1), 1)
    .option('--source <mac>', 'source address of all frames', macAddress('--source'))
    .option('--destination <mac>', 'destination address of all', macAddress('--destination'))
    .addOption(
      new Option('--engine <name>', 'how to send; default: sendmmsg').choices([
        'sendmmsg',
        'af-xdp',
      ]),
    )
    .option('--receive', 'let the interface receive them, as if they came from the wire')
    .option(
      '--netns <namespace>',
      'in this network namespace: a name, a path, or a process number',
      networkNamespace('--netns'),
    )
    .option('--json', 'one object a line')
    .addHelpText('after', EXAMPLES)
    .action((name: string, file: string, options: ReplayArguments) =>
      replay(name, file === '-' ? '/dev/stdin' : file, options, output),
    );
}

async function replay(
  name: string,
  file: string,
  options: ReplayArguments,
  output: Output,
): Promise<void> {
  const { rate, flatOut = false, loop, source, destination, engine, receive = false } = options;
  using injector = openInjector(name, {
    networkNamespace: options.netns,
    direction: receive ? 'receive' : 'transmit',
  });
  using interruption = new Interruption();
  const { signal } = interruption;
  let report: ReplayReport | undefined;
  const say = async () => {
    if (report === undefined) return;
    await output.write(
      options.json ? replayedJson(name, file, report) : replayedText(name, file, report),
    );
  };
  try {
    await injector.replay(file, {
      speed: flatOut ? Number.POSITIVE_INFINITY : options.speed,
      framesPerSecond: rate,
      loop,
      source,
      destination,
      engine,
      signal,
      onProgress(latest) {
        report = latest;
      },
    });
  } catch (error) {
    if (!signal.aborted) {
      if (report !== undefined && report.sent > 0) await say();
      throw error;
    }
  }
  await say();
  const all = report === undefined || report.sent === report.frames;
  process.exitCode = interruption.exitCode ?? (all ? 0 : 1);
}

function replayedText(name: string, file: string, report: ReplayReport): string {
  const { sent, frames, refused, truncated, durationMs, framesPerSecond } = report;
  const counts = Object.entries(refused).map(([errno, count]) => `${count} ${errno}`);
  const remarks = [
    ...(counts.length > 0 ? [`refused: ${counts.join(', ')}`] : []),
    ...(truncated > 0 ? [`${truncated} cut short when they were captured`] : []),
  ];
  const seconds = (durationMs / 1000).toFixed(3);
  return (
    `Sent ${sent} of ${frames} frames of ${printable(file)} on ${printable(name)} ` +
    `in ${seconds} s: ${Math.round(framesPerSecond)} a second${remarks.map((one) => `; ${one}`).join('')}\n`
  );
}

function replayedJson(name: string, file: string, report: ReplayReport): string {
  return jsonLine({
    event: 'replayed',
    time: new Date().toISOString(),
    interface: name,
    file,
    frames: report.frames,
    count: report.sent,
    bytes: report.bytes,
    refused: report.refused,
    truncated: report.truncated,
    engine: report.engine,
    seconds: Number((report.durationMs / 1000).toFixed(3)),
  });
}
