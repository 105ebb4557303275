/**
 * What a link has counted since it was made: struct rtnl_link_stats64, described in the words of
 * linux/if_link.h. They count packets, except where the name says otherwise.
 */
export interface LinkStats {
  /** The interface's name. */
  readonly name: string;
  /** Its index: it stays through a rename. */
  readonly ifindex: number;
  /** Good packets received by the interface, including those that the host had to drop later. */
  readonly rxPackets: bigint;
  /** Packets successfully transmitted, which is to say handed over to the device. */
  readonly txPackets: bigint;
  /** Good received bytes, corresponding to `rxPackets`, without the FCS. */
  readonly rxBytes: bigint;
  /** Good transmitted bytes, corresponding to `txPackets`, without the FCS. */
  readonly txBytes: bigint;
  /** Bad packets received: `rxLengthErrors`, `rxCrcErrors`, `rxFrameErrors` and others. */
  readonly rxErrors: bigint;
  /**
   * Transmit problems: `txAbortedErrors`, `txCarrierErrors`, `txFifoErrors`, `txHeartbeatErrors`,
   * `txWindowErrors` and others.
   */
  readonly txErrors: bigint;
  /** Received but not processed, e.g. due to lack of resources or unsupported protocol. */
  readonly rxDropped: bigint;
  /** Dropped on their way to transmission, e.g. due to lack of resources. */
  readonly txDropped: bigint;
  /** Multicast packets received. */
  readonly multicast: bigint;
  /** Collisions during packet transmissions. */
  readonly collisions: bigint;
  /** Dropped due to invalid length. */
  readonly rxLengthErrors: bigint;
  /** Receiver FIFO overflow events; usually packets that did not fit into the host's buffers. */
  readonly rxOverErrors: bigint;
  /** Packets received with a CRC error. */
  readonly rxCrcErrors: bigint;
  /** Receiver frame alignment errors. */
  readonly rxFrameErrors: bigint;
  /** Receiver FIFO errors; on software devices, e.g. packet queue overflow. */
  readonly rxFifoErrors: bigint;
  /** Packets missed by the host: the device had no buffer space. Software devices do not count it. */
  readonly rxMissedErrors: bigint;
  /** Aborted due to excess collisions; may be used as a general device discard counter. */
  readonly txAbortedErrors: bigint;
  /** Frame transmission errors due to loss of carrier during transmission. */
  readonly txCarrierErrors: bigint;
  /** Frame transmission errors due to device FIFO underrun / underflow. */
  readonly txFifoErrors: bigint;
  /** Heartbeat / SQE Test errors of old half-duplex Ethernet. */
  readonly txHeartbeatErrors: bigint;
  /** Frame transmission errors due to late collisions. */
  readonly txWindowErrors: bigint;
  /** Correctly received compressed packets (e.g. CSLIP, PPP). */
  readonly rxCompressed: bigint;
  /** Transmitted compressed packets (e.g. CSLIP, PPP). */
  readonly txCompressed: bigint;
  /**
   * Received but dropped by the networking stack because the device is not designated to receive
   * packets (e.g. backup link in a bond).
   */
  readonly rxNohandler: bigint;
  /**
   * Dropped due to mismatch in destination MAC address. Linux has it since 5.19: undefined, not
   * absent, before that.
   */
  readonly rxOtherhostDropped: bigint | undefined;
}
