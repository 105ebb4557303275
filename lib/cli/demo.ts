import type { Command } from 'commander';
import type { DropCounter, DropEvent } from '../drops/drop-event.ts';
import { injectFrame, watchDrops } from '../index.ts';
import { table } from './columns.ts';
import { demoDisagrees, demoSawNoDrop } from './demo-errors.ts';
import { hex16 } from './frame-text.ts';
import type { Output } from './output.ts';
import { inPrivateNamespace, runInPrivateNamespace } from './private-namespace.ts';
import { RECIPE } from './recipe-frame.ts';
import { runProgram } from './run-program.ts';

const LIMIT_MS = 5000;

/** Adds `dropscope demo` to the program. */
export function addDemo(program: Command, output: Output): void {
  program
    .command('demo')
    .description('send a frame to lo in a network namespace of its own, and see its drop')
    .action(async () => {
      if (inPrivateNamespace()) await demo(output);
      else process.exitCode = await runInPrivateNamespace();
    });
}

async function demo(output: Output): Promise<void> {
  await runProgram('iproute2', 'ip', 'link', 'set', 'lo', 'up');
  const { drop, counter } = await dropOfTheRecipe();
  await output.write(`${recipe(drop, counter)}\n${beyond(drop, counter)}`);
  const dropped = await droppedByIp();
  if (counter.after !== BigInt(dropped)) throw demoDisagrees(counter.after, dropped);
  await output.write(`\n"ip -s link show lo" agrees: ${dropped} dropped.\n`);
}

async function dropOfTheRecipe(): Promise<{ drop: DropEvent; counter: DropCounter }> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    await using drops = await watchDrops({ interface: 'lo', etherType: RECIPE.etherType, signal });
    await injectFrame('lo', RECIPE);
    for await (const drop of drops) {
      if (drop.counter !== undefined) return { drop, counter: drop.counter };
    }
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
  throw demoSawNoDrop(LIMIT_MS);
}

/** The counter before and after, and who was dropped. */
function recipe({ source, destination, etherType }: DropEvent, counter: DropCounter): string {
  return `dropped1 = ${counter.before}
dropped2 = ${counter.after}
  src=${source}
  dst=${destination}
  proto=${hex16(etherType)}
`;
}

/** What the counter and the frame do not tell. */
function beyond(drop: DropEvent, counter: DropCounter): string {
  const rows = [
    ['reason', drop.reason ?? 'unknown: this kernel names none'],
    ['function', drop.location ?? 'hidden by the kernel: see dropscope doctor'],
    ['interface', drop.interface],
    ['counter', counter.name],
    ['length', `${drop.length} bytes`],
    ['seen by', drop.probe],
  ];
  return table(rows.map((row) => row.map((text) => ({ text }))));
}

async function droppedByIp(): Promise<number> {
  const json = await runProgram('iproute2', 'ip', '-s', '-j', 'link', 'show', 'dev', 'lo');
  const [link]: { stats64?: { rx?: { dropped?: number } } }[] = JSON.parse(json);
  return link?.stats64?.rx?.dropped ?? 0;
}
