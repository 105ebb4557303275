import { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { execa, type ResultPromise } from 'execa';
import type { DropAccount } from '../../drops/drop-account.ts';
import { ProbeError } from '../../errors.ts';
import { AccountingSink } from '../accounting-sink.ts';
import type { ProbeSink, RunningProbe } from '../probe.ts';
import { explainStap } from './explain-stap.ts';
import { removeIdle } from './loaded-modules.ts';
import { endingWithUs, PROGRAM } from './programs.ts';
import { ScriptFeed } from './script-feed.ts';
import { parseLastWords, parseScriptLine, type ScriptMessage } from './script-output.ts';
import { StapFailure } from './stap.ts';

const STAPRUN = {
  ...PROGRAM,
  // Lines are read as they come.
  buffer: { stdout: false },
  // Then the script prints what it still has, and its module goes.
  killSignal: 'SIGINT',
  forceKillAfterDelay: 5000,
  reject: false,
} as const;

/** How long staprun may take to load a module and start it. */
const ARMING_MS = 60_000;

/** How long a watch that is closed waits for what it has not read yet. */
const CATCH_UP_MS = 3000;

/** The script's module at work, by staprun(8). */
export class ScriptRun implements RunningProbe {
  readonly name = 'systemtap';
  readonly #module: string;
  readonly #sink: ProbeSink;
  readonly #accounts: AccountingSink;
  readonly #feed: ScriptFeed;
  readonly #process: ResultPromise<typeof STAPRUN>;
  /** Settles when the process has ended and all that it printed was taken. */
  readonly #ended: Promise<void>;
  #closing = false;
  #armed = false;
  #foreign = false;
  /** Who waits for a count that was made after a time. */
  #waiting: { readonly timeNs: bigint; resolve(): void }[] = [];

  /**
   * Loads the module at `path` with these globals, NAME=VALUE, and a buffer of so many MiB for each
   * CPU. `open` waits until it is armed.
   */
  constructor(path: string, globals: readonly string[], bufferMb: number, sink: ProbeSink) {
    this.#module = path;
    this.#accounts = new AccountingSink(sink);
    this.#sink = this.#accounts;
    this.#feed = new ScriptFeed(this.#accounts);
    // Renamed by -R, so that more than one may be loaded.
    const staprun = ['staprun', '-R', '-b', String(bufferMb), path, ...globals];
    // In a session of its own, for Ctrl-C is heard here, and ends it in time.
    this.#process = execa(...endingWithUs('INT', ['setsid', ...staprun]), STAPRUN);
    this.#ended = this.#read();
  }

  /** Resolves once every drop is seen. When that fails, everything is freed. */
  async open(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => this.#stop();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      signal?.throwIfAborted();
      const late = sleep(ARMING_MS, undefined, { ref: false });
      await Promise.race([this.#tickAfter(0n), this.#ended, late]);
      signal?.throwIfAborted();
      if (!this.#armed) throw await this.#whyNotArmed();
    } catch (error) {
      this.#stop();
      await this.#ended;
      await removeIdle(this.#module);
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Drops are printed every 10 ms, and counts each second. */
  async flush(): Promise<void> {
    await this.#catchUp();
  }

  accounts(): DropAccount[] {
    return this.#accounts.all();
  }

  async close(): Promise<void> {
    this.#closing = true;
    // Whoever waits for this must not end before it.
    this.ref();
    // stapio until 4.9 leaves unread what is there when it is stopped.
    await this.#catchUp();
    this.#stop();
    await this.#ended;
    // Where staprun was killed, it is still there.
    const [name] = await removeIdle(this.#module);
    if (name === undefined) return;
    const explanation = { reason: `The module ${name} stays loaded.`, mend: `staprun -d ${name}` };
    throw new ProbeError('ERR_PROBE_UNAVAILABLE', this.name, explanation);
  }

  /** Resolves when all has come that was printed before now, or after a while. */
  async #catchUp(): Promise<void> {
    const late = sleep(CATCH_UP_MS, undefined, { ref: false });
    await Promise.race([this.#tickAfter(process.hrtime.bigint()), this.#ended, late]);
  }

  #tickAfter(timeNs: bigint): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ timeNs, resolve });
    });
  }

  ref(): void {
    this.#process.ref();
    for (const socket of this.#sockets()) socket.ref();
  }

  unref(): void {
    this.#process.unref();
    for (const socket of this.#sockets()) socket.unref();
  }

  /** What it is read by, which keeps this process alive as well. */
  #sockets(): Socket[] {
    const { stdout, stderr } = this.#process;
    return [stdout, stderr].filter((stream) => stream instanceof Socket);
  }

  #stop(): void {
    this.#closing = true;
    this.#process.kill();
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    try {
      await this.#deliver();
    } catch (error) {
      this.#sink.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #deliver(): Promise<void> {
    for await (const line of this.#process.iterable({ from: 'stdout' })) {
      const message = parseScriptLine(line);
      if (message !== undefined) await this.#take(message);
      // Later, one that is not whole is missing from what the script's next count says.
      else if (!this.#armed) this.#refuse();
    }
    const { stderr, signal } = await this.#process;
    const { count, skipped, unpaired } = parseLastWords(stderr);
    if (count === undefined) this.#feed.abandon();
    else this.#feed.take(count);
    // A frame is unpaired where the script was not run when it was freed.
    const unseen = Math.max(skipped, unpaired);
    if (unseen > 0) this.#sink.lost({ probe: this.name, count: unseen, where: 'kernel' });
    const killed = signal === 'SIGKILL';
    if (this.#armed && (killed || !this.#closing)) this.#sink.failed(await this.#failure());
  }

  async #take(message: ScriptMessage): Promise<void> {
    const isFirst = message.kind === 'tick' && !this.#armed;
    this.#armed ||= isFirst;
    if (!isFirst) this.#feed.take(message);
    if (message.kind === 'tick') this.#wake(message.timestampNs);
    if (!isFirst) return;
    // Whoever waits for this has it in hand before anything is delivered.
    await nextTurn();
    this.#feed.take(message);
  }

  /** It speaks another language. */
  #refuse(): void {
    this.#foreign = true;
    this.#stop();
  }

  #wake(timestampNs: bigint): void {
    const isDue = ({ timeNs }: { timeNs: bigint }) => timestampNs > timeNs;
    for (const { resolve } of this.#waiting.filter(isDue)) resolve();
    this.#waiting = this.#waiting.filter((waiting) => !isDue(waiting));
  }

  async #whyNotArmed(): Promise<Error> {
    const late = this.#process.exitCode === null && !this.#foreign;
    if (!late && !this.#foreign) return this.#failure();
    const reason = late
      ? `The module ${this.#module} was not armed within ${ARMING_MS / 1000} s.`
      : `The module ${this.#module} is not that of this dropscope.`;
    const mend = 'Build it anew: dropscope systemtap build';
    return new ProbeError('ERR_PROBE_UNAVAILABLE', this.name, { reason, mend });
  }

  async #failure(): Promise<Error> {
    const { stderr, signal, exitCode, code } = await this.#process;
    if (exitCode === 0) {
      const reason = 'staprun has ended.';
      return new ProbeError('ERR_PROBE_UNAVAILABLE', this.name, { reason, mend: '' }, { stderr });
    }
    // Only setpriv may be missing: what it cannot start, it says.
    const command = code === 'ENOENT' ? 'setpriv' : 'staprun';
    return explainStap(new StapFailure(command, stderr, { code, signal }));
  }
}
