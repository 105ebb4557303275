import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

const INSTANCES = '/sys/kernel/tracing/instances';

/** An instance of ftrace of its own, which counts drops of frames with given EtherTypes. */
export class Ftrace {
  readonly #folder: string;

  private constructor(folder: string, etherTypes: readonly number[]) {
    this.#folder = folder;
    mkdirSync(folder);
    this.#write('buffer_size_kb', '4096');
    const filter = etherTypes.map((type) => `protocol == ${type}`).join(' || ');
    this.#write('events/skb/kfree_skb/filter', filter);
    this.#write('events/skb/kfree_skb/enable', '1');
  }

  /** Undefined where tracefs is not there. */
  static start(name: string, etherTypes: readonly number[]): Ftrace | undefined {
    try {
      return new Ftrace(`${INSTANCES}/${name}`, etherTypes);
    } catch {
      return undefined;
    }
  }

  /** Ends it. Gives how many drops there were for want of a handler. */
  stop(): number {
    this.#write('events/skb/kfree_skb/enable', '0');
    const trace = readFileSync(`${this.#folder}/trace`, 'utf8');
    rmdirSync(this.#folder);
    return trace.match(/ kfree_skb: .*UNHANDLED_PROTO/g)?.length ?? 0;
  }

  #write(file: string, text: string): void {
    writeFileSync(`${this.#folder}/${file}`, text);
  }
}
