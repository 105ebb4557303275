import { constants } from 'node:os';
import { expect, it, vi } from 'vitest';
import { HeldNamespace } from '../../lib/link/held-namespace.ts';
import { GoneInterfaces } from '../../lib/watch/gone-interfaces.ts';

/** What the kernel, which can hardly be made to refuse it, answers to the monitor. */
const monitor = vi.hoisted(() => ({ onChange: () => {}, read: () => ({}) }));

vi.mock('../../lib/native.ts', () => ({
  native: () => ({
    LinkMonitor: class {
      constructor(onChange: () => void) {
        monitor.onChange = onChange;
      }
      read = () => monitor.read();
      unref() {}
    },
    interfaceName: (ifindex: number) => (ifindex === 1 ? 'lo' : ''),
  }),
}));

const HERE = new HeldNamespace(undefined, 'networkNamespace');

it('fails what watches when the kernel does not tell of links any more', () => {
  const gone = new GoneInterfaces(new Map([[1, 'lo']]), HERE);
  gone.onFailure = vi.fn();
  monitor.read = () => {
    const { ENOMEM } = constants.errno;
    throw Object.assign(new Error('recvmsg'), { syscall: 'recvmsg', errno: ENOMEM });
  };
  monitor.onChange();
  const refused = expect.objectContaining({
    name: 'SystemCallError',
    message: 'The kernel refused recvmsg while listening for links that go: ENOMEM.',
  });
  expect(gone.onFailure).toHaveBeenCalledExactlyOnceWith(refused);
  expect(() => gone.check()).toThrow(refused);
});

it('looks for itself when the kernel has lost what it had to tell', () => {
  const gone = new GoneInterfaces(
    new Map([
      [1, 'lo'],
      [7, 'eth7'],
    ]),
    HERE,
  );
  gone.onFailure = vi.fn();
  monitor.read = () => ({ removed: [], overrun: true });
  monitor.onChange();
  expect(gone.onFailure).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ code: 'ERR_INTERFACE_GONE' }),
  );
});
