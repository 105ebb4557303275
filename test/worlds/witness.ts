import { type DropWatch, watchDrops } from '../../dist/index.js';
import { Ftrace } from './ftrace.ts';

/** A watch of all namespaces beside ftrace: which drops does ftrace see that no BPF program does? */
export class Witness {
  readonly #watch: DropWatch;
  readonly #ftrace: Ftrace | undefined;
  readonly #counting: Promise<number>;

  private constructor(watch: DropWatch, ftrace: Ftrace | undefined) {
    this.#watch = watch;
    this.#ftrace = ftrace;
    this.#counting = countUnhandled(watch);
  }

  static async start(instance: string, etherTypes: readonly number[]): Promise<Witness> {
    const watch = await watchDrops({
      probe: 'ebpf',
      scope: 'all',
      networkNamespace: 'all',
      etherType: etherTypes,
      headerBytes: 0,
      queueLimit: 2 ** 20,
    });
    return new Witness(watch, Ftrace.start(instance, etherTypes));
  }

  async stop(): Promise<number | undefined> {
    const traced = this.#ftrace?.stop();
    await this.#watch.close();
    const seen = await this.#counting;
    const { kernel, queue } = this.#watch.lost;
    return traced === undefined ? undefined : Math.max(0, traced - seen - kernel - queue);
  }
}

async function countUnhandled(watch: DropWatch): Promise<number> {
  let count = 0;
  for await (const batch of watch.batches()) {
    for (const { reason } of batch) if (reason === 'UNHANDLED_PROTO') count += 1;
  }
  return count;
}
