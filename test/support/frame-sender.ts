/** What a process of its own sends, and from where. */
export interface SenderOptions {
  /** The interface. */
  readonly on: string;
  readonly count: number;
  /** In bytes. Default: 60. */
  readonly length?: number;
  /** Default: any. */
  readonly cpu?: number;
}

/** Source MAC address of what `frameSender` sends. */
const CHILD_SENDER = '00:00:5e:00:53:02';

/**
 * A command that sends frames of an unknown EtherType and ends. ENOBUFS, by which the kernel tells
 * of a drop, does not stop it.
 */
export function frameSender({
  on,
  count,
  length = 60,
  cpu,
}: SenderOptions): [command: string, args: string[]] {
  const header = `000000000000${CHILD_SENDER.replaceAll(':', '')}4321`;
  const program = [
    'import errno, socket',
    's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)',
    `s.bind(("${on}", 0))`,
    `frame = bytes.fromhex("${header}").ljust(${length}, b"\\0")`,
    `for _ in range(${count}):`,
    '  try: s.send(frame)',
    '  except OSError as error:',
    '    if error.errno != errno.ENOBUFS: raise',
  ].join('\n');
  const python = ['python3', '-c', program];
  return cpu === undefined
    ? ['python3', python.slice(1)]
    : ['taskset', ['--cpu-list', String(cpu), ...python]];
}
