import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  parseProbePoint,
  probePointText,
  SCRIPT_POINTS,
} from '../../lib/probes/systemtap/probe-points.ts';

// From systemtap 4.8 on Linux 6.1.
it('reads what stap -L says', () => {
  const line =
    'kernel.function("__netif_receive_skb_core@net/core/dev.c:5607").label("drop") $pskb:struct sk_buff** $pfmemalloc:bool $skb:struct sk_buff*';
  const [point] = parseProbePoint(line);
  expect(point).toEqual({
    function: '__netif_receive_skb_core',
    file: 'net/core/dev.c',
    line: 5607,
    label: 'drop',
    variables: ['pskb', 'pfmemalloc', 'skb'],
  });
  expect(point && probePointText(point)).toBe(
    '__netif_receive_skb_core.drop at net/core/dev.c:5607: $pskb, $pfmemalloc, $skb',
  );
});

it.each([
  ['kernel.function("kfree_skb@include/linux/skbuff.h:1250")', []],
  ['kernel.function("kfree_skb_reason@net/core/skbuff.c:885")! $skb:struct sk_buff*', ['skb']],
])('reads points without a label: %s', (line, variables) => {
  expect(parseProbePoint(line)).toMatchObject([{ variables }]);
});

it('passes over what else stap says', () => {
  expect(parseProbePoint('Tip: /usr/share/doc/systemtap/README.Debian')).toEqual([]);
});

it('asks for the places where the script looks', () => {
  const script = readFileSync(
    new URL('../../lib/probes/systemtap/drops.stp', import.meta.url),
    'utf8',
  );
  const probed = script.match(/kernel\.function\([^)]*\)(\.label\([^)]*\))?/g);
  expect(SCRIPT_POINTS).toEqual(probed);
});
