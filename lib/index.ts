export {
  type CounterName,
  type DropBatch,
  type DropCounter,
  type DropEvent,
  type DropTotals,
  type LostEvent,
  PROBE_NAMES,
  type ProbeName,
} from './drops/drop-event.ts';
export type { DropSummary, Talker } from './drops/drop-summary.ts';
export {
  ArgumentError,
  CaptureError,
  DropscopeError,
  type ErrorCode,
  type Explanation,
  ProbeError,
  SystemCallError,
} from './errors.ts';
export { composeFrame, type EthernetFrame } from './ethernet/frame.ts';
export type { ArpPacket } from './ethernet/payload/arp.ts';
export type { FrameContent } from './ethernet/payload/frame-content.ts';
export type { IcmpMessage } from './ethernet/payload/icmp.ts';
export type { IpContent } from './ethernet/payload/ip-content.ts';
export type { Ipv4Packet } from './ethernet/payload/ipv4.ts';
export type { Ipv6Packet } from './ethernet/payload/ipv6.ts';
export type { LlcPdu, SnapHeader } from './ethernet/payload/llc.ts';
export type { LldpId, LldpPdu, LldpTlv } from './ethernet/payload/lldp.ts';
export type { TcpFlag, TcpSegment } from './ethernet/payload/tcp.ts';
export type { UdpDatagram } from './ethernet/payload/udp.ts';
export type { FrameVlan, VlanTag } from './ethernet/vlan.ts';
export {
  type Direction,
  ENGINE_NAMES,
  type EngineName,
  type PassedOver,
} from './injection/engine.ts';
export type { FloodPlan, FloodReport } from './injection/flood.ts';
export { injectFrame } from './injection/inject-frame.ts';
export { type FrameInjector, type InjectorOptions, openInjector } from './injection/injector.ts';
export type { ReplayOptions, ReplayReport } from './injection/replay.ts';
export { SCENARIOS, type Scenario, type ScenarioName } from './injection/scenarios.ts';
export type { SentReport } from './injection/send-job.ts';
export type { FieldRef, FieldValue, Variation } from './injection/variation.ts';
export type { HiddenFrames } from './link/hidden-frames.ts';
export type { InterfaceRef } from './link/interface.ts';
export type { LinkStats } from './link/link-stats.ts';
export type { NamespaceOptions, NetworkNamespaceRef } from './link/network-namespace.ts';
export { readLinkStats } from './link/read-link-stats.ts';
export type { SocketOwner } from './link/socket-owners.ts';
export type { SoftnetStats } from './link/softnet.ts';
export type { Tap } from './link/taps.ts';
export type { ArmingProgress, ProbeReport } from './probes/probe.ts';
export { checkProbes } from './probes/probes.ts';
export { type DropVerdict, expectDrops, expectNoDrops } from './proof/expect-drops.ts';
export type { CountBounds, DropExpectation, DropMatch, ProofOptions } from './proof/expectation.ts';
export type { Obstacle } from './proof/obstacles.ts';
export type { DropWatch, DropWatchEvents } from './watch/drop-watch.ts';
export type {
  Ledger,
  LedgerCause,
  LedgerCounter,
  LedgerRow,
  LedgerUnknown,
} from './watch/ledger.ts';
export { watchDrops } from './watch/watch-drops.ts';
export type { WatchOptions } from './watch/watch-options.ts';
