import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

type Command = Readonly<Record<string, unknown>>;

/** What the program says of a command. */
interface Answer {
  /** Why it failed. */
  readonly failed?: string;
  /** How many frames the kernel took, and what it said of the others. */
  readonly sent?: number;
  readonly errors?: Readonly<Record<string, number>>;
}

const PROGRAM = fileURLToPath(new URL('../../test/worlds/hands.py', import.meta.url));

/** A program that runs on one CPU and does what other programs do in a world: hands.py. */
export class Hands {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(cpu: number) {
    this.#child = spawn('python3', [PROGRAM, String(cpu)]);
    this.#child.stderr.pipe(process.stderr);
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Has a command done when those before it are. Rejects when it fails. */
  ask(command: Command): Promise<Answer> {
    const answer = this.#turn.then(() => this.#ask(command));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** Ends the program, and with it all that it opened. */
  close(): void {
    this.#child.stdin.end();
  }

  async #ask(command: Command): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`hands.py ended at ${JSON.stringify(command)}.`);
    const answer: Answer = JSON.parse(value);
    if (answer.failed !== undefined) {
      throw new Error(`${answer.failed}: ${JSON.stringify(command)}`);
    }
    return answer;
  }
}
