import { expect, it } from 'vitest';
import {
  etherType,
  hexBytes,
  integer,
  macAddress,
  seconds,
  several,
  vlan,
} from '../../lib/cli/arguments.ts';

it('reads integers in decimal and in hexadecimal', () => {
  expect(integer('--n', 0)('17185')).toBe(17185);
  expect(integer('--n', 0)('0X43a1')).toBe(0x43a1);
});

it.each(['', ' 1', '1 ', '-1', '1.5', '1e3', '0x', '0b1', '١', '11', '0', '99999999999999999999'])(
  'refuses %j as an integer from 1 to 10',
  (text) => {
    expect(() => integer('--n', 1, 10, 'one to ten')(text)).toThrow(
      `Expected one to ten for --n but received ${JSON.stringify(text)}.`,
    );
  },
);

it('reads EtherTypes down to the least that it is given', () => {
  expect(etherType('--type', 0)('0')).toBe(0);
  expect(etherType('--type', 0x600)('0xffff')).toBe(0xffff);
  expect(() => etherType('--type', 0x600)('0x05ff')).toThrow('from 0x0600 to 0xffff');
  expect(() => etherType('--type', 0)('0x10000')).toThrow('from 0x0000 to 0xffff');
});

it('reads a time with decimals and units, as long as a timer can wait', () => {
  expect(['2', '0.25', '.5', '2147483'].map(seconds('--t'))).toEqual([2, 0.25, 0.5, 2_147_483]);
  expect(['5s', '1.5m', '2h'].map(seconds('--t'))).toEqual([5, 90, 7200]);
  const refused = ['0', '0.0', '-1', '', '.', 's', '1d', '1ms', '0x10', '1e9', 'Infinity'];
  for (const text of [...refused, '2147484', '597h']) {
    expect(() => seconds('--t')(text)).toThrow(`received ${JSON.stringify(text)}`);
  }
});

it('lets MAC addresses through that have colons or hyphens', () => {
  expect(macAddress('--m')('00:00:5E:00:53:aF')).toBe('00:00:5E:00:53:aF');
  expect(macAddress('--m')('00-00-5e-00-53-00')).toBe('00-00-5e-00-53-00');
  expect(() => macAddress('--m')('00:00-5e:00:53:00')).toThrow('a MAC address such as');
});

it('reads bytes with spaces and colons between them', () => {
  expect([...hexBytes('--b')('0a 0B:0c\n')]).toEqual([10, 11, 12]);
  expect([...hexBytes('--b')('')]).toEqual([]);
  for (const text of ['0', '0g', '0x0a', 'aab']) {
    expect(() => hexBytes('--b')(text)).toThrow('two hexadecimal digits a byte');
  }
});

it('reads a VLAN with or without priority', () => {
  expect(vlan('--v')('4095')).toEqual({ id: 4095 });
  expect(vlan('--v')('0x63:7')).toEqual({ id: 99, priority: 7 });
  for (const text of ['', '4096', '99:', '99:8', ':1', '1:2:3', '-1']) {
    expect(() => vlan('--v')(text)).toThrow('ID or ID:PRIORITY');
  }
});

it('collects an option that is given several times', () => {
  const collect = several(integer('--n', 0));
  expect(collect('2', collect('1'))).toEqual([1, 2]);
});
