import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Runs a command on a terminal of 80 columns, types once it has shown something, and reads all. */
const PROGRAM = `
import fcntl, json, os, pty, re, struct, sys, termios
wanted, keys, keep_input, command = json.loads(sys.argv[1])
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.dup2(slave if keep_input else os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(slave, 1)
    os.dup2(slave, 2)
    os.closerange(3, 100)
    os.execvp(command[0], command)
os.close(slave)
shown = b""
while True:
    try:
        shown += os.read(master, 65536)
    except OSError:  # EIO: nobody has the terminal any more.
        break
    if keys and re.search(wanted, shown.decode(errors="ignore")):
        os.write(master, keys.encode())
        keys = ""
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({"shown": shown.decode(), "code": status}))
`;

export interface Typing {
  /** A regular expression of Python: when to type. */
  readonly after: string;
  readonly keys: string;
  /** Whether the command reads the terminal, too; else its input is empty. */
  readonly reads?: boolean;
  /** What the terminal calls itself. */
  readonly term?: string;
}

/** All that a command showed on a terminal, and how it ended; negative: by a signal. */
export async function onTerminal(
  command: readonly string[],
  { after, keys, reads = true, term = 'xterm' }: Typing,
): Promise<{ shown: string; code: number }> {
  const args = ['-c', PROGRAM, JSON.stringify([after, keys, reads, command])];
  const child = spawn('python3', args, { env: { ...process.env, TERM: term } });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout);
}
