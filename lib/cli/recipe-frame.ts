/**
 * The frame that every command injects unless told otherwise: from a unicast address kept for
 * documentation (RFC 7042, 2.1.2), of an EtherType that nobody handles.
 */
export const RECIPE = {
  source: '00:00:5e:00:53:00',
  destination: '00:00:00:00:00:00',
  etherType: 0x4321,
} as const;
