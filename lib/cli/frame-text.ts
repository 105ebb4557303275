import type { VlanTag } from '../ethernet/vlan.ts';
import type { Json } from './json-line.ts';

/** `0x4321`. */
export function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}

/** `0x4321`, or `0x4321 vlan 99 priority 5`. */
export function typeText(etherType: number, vlan: VlanTag | undefined): string {
  if (vlan === undefined) return hex16(etherType);
  const priority = vlan.priority === 0 ? '' : ` priority ${vlan.priority}`;
  return `${hex16(etherType)} vlan ${vlan.id}${priority}`;
}

/** A tag as a JSON object; null for none. */
export function vlanJson(vlan: VlanTag | undefined): Json {
  if (vlan === undefined) return null;
  const { id, priority, dei, protocol } = vlan;
  return { id, priority, dei, protocol: hex16(protocol) };
}
