import type { CaptureBlock } from './capture-block.ts';

/** Reads the records of a capture file, piece by piece. */
export interface CaptureParser {
  /**
   * Adds the frames of the whole records in `bytes`, which stand at `position` in the file, to the block.
   * Returns how many bytes it is done with: more than there are, where what follows is to be passed over.
   * CaptureDamage where a record cannot be; the frames before it were added.
   */
  parse(bytes: Buffer, position: number, block: CaptureBlock): number;
}

/** What is wrong with a capture file, and where. */
export class CaptureDamage extends Error {
  /** In bytes from the beginning of the file. */
  readonly offset: number;

  /** `message`: what is wrong, without full stop. */
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** MAXIMUM_SNAPLEN of libpcap: no frame is longer. */
export const MOST_BYTES = 262_144;

/** LINKTYPE_ETHERNET: https://www.tcpdump.org/linktypes.html */
const ETHERNET = 1;

export function checkLinkType(linkType: number, offset: number): void {
  if (linkType === ETHERNET) return;
  throw new CaptureDamage(offset, `its frames are of link type ${linkType}, not Ethernet (1)`);
}

export function checkLength(length: number, offset: number): void {
  if (length <= MOST_BYTES) return;
  throw new CaptureDamage(offset, `a frame of ${length} bytes`);
}
