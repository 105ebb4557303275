import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addon, callWithOddValues, countDescriptors, LO } from './support/addon.mjs';

it('reads names, addresses and counters', () => {
  assert.equal(addon.interfaceIndex('lo'), LO);
  assert.equal(addon.interfaceName(LO), 'lo');
  assert.deepEqual([...addon.hardwareAddress('lo')], [0, 0, 0, 0, 0, 0]);
  assert.equal(addon.readLinkStats(LO).byteLength, 224);
  assert.equal(addon.readLinkStats(0).byteLength, 224);
});

it('tells what is not there', () => {
  for (const name of ['', 'nosuch', 'lo:1', 'lo\0', 'l'.repeat(16), '\ud800']) {
    assert.equal(addon.interfaceIndex(name), 0);
    assert.throws(() => addon.hardwareAddress(name), { syscall: 'ioctl' });
  }
  assert.equal(addon.interfaceName(2 ** 31 - 1), '');
  assert.equal(addon.readLinkStats(2 ** 31 - 1).byteLength, 0);
});

it('refuses bad arguments', () => {
  callWithOddValues(addon.interfaceIndex, ['lo']);
  callWithOddValues(addon.hardwareAddress, ['lo']);
  callWithOddValues(addon.interfaceName, [LO]);
  callWithOddValues(addon.readLinkStats, [LO]);
  assert.throws(() => addon.interfaceIndex(LO), TypeError);
  assert.throws(() => addon.readLinkStats(-1), RangeError);
  assert.throws(() => addon.interfaceName(2 ** 31), RangeError);
});

it('reads those of another network namespace until it is closed', () => {
  const before = countDescriptors();
  const links = new addon.LinkTable('/proc/self/ns/net');
  assert.equal(links.interfaceIndex('lo'), LO);
  assert.equal(links.interfaceName(LO), 'lo');
  assert.equal(links.readLinkStats(0).byteLength, 224);
  assert.deepEqual([...links.hardwareAddress('lo')], [0, 0, 0, 0, 0, 0]);
  links.close();
  links.close();
  assert.throws(() => links.readLinkStats(0), /closed/);
  callWithOddValues((...args) => new addon.LinkTable(...args).close(), ['/proc/self/ns/net']);
  assert.throws(() => new addon.LinkTable('/dev/null'), { syscall: 'ioctl' });
  assert.equal(countDescriptors(), before);
});

it('keeps one descriptor, however much it reads', () => {
  addon.readLinkStats(0);
  const before = countDescriptors();
  for (let i = 0; i < 200; i += 1) addon.readLinkStats(i % 2);
  assert.equal(countDescriptors(), before);
});
