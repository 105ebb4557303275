import type { DropEvent } from '../../drops/drop-event.ts';
import { formatMacAddress } from '../../ethernet/mac-address.ts';
import type { ProbeOptions } from '../probe.ts';
import { counterMoved } from './dropped-frame.ts';

/** Whether a drop was asked for: the kernel tells of all. */
export function makeFilter(options: ProbeOptions): (drop: DropEvent) => boolean {
  const among = <T>(wanted: readonly T[]) => {
    const values = new Set(wanted);
    return (value: T) => values.size === 0 || values.has(value);
  };
  const mac = (bytes: Uint8Array) => formatMacAddress(bytes);
  const ifindex = among(options.ifindexes);
  const source = among(options.sources.map(mac));
  const destination = among(options.destinations.map(mac));
  const etherType = among(options.etherTypes);
  const reason = among(options.reasons.map((name) => name.toUpperCase()));
  const counted = options.scope === 'counted';
  return (drop) =>
    (!counted || counterMoved(drop) !== undefined) &&
    ifindex(drop.ifindex) &&
    source(drop.source) &&
    destination(drop.destination) &&
    etherType(drop.etherType) &&
    reason(drop.reason ?? '');
}
