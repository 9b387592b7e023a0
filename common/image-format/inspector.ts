/** What an image's bytes can turn out to be. `raw` = none of the others. */
export type DetectedFormat =
  | 'raw'
  | 'qcow2'
  | 'qed'
  | 'vmdk'
  | 'vdi'
  | 'vhd'
  | 'vhdx'
  | 'iso'
  | 'luks'
  | 'ploop'
  | 'gpt'
  | 'mbr';

/** What one inspector saw: the stream is of its format. */
export interface Finding {
  format: Exclude<DetectedFormat, 'raw'>;
  /** Size of the disk that the image describes; undefined where the format does not tell, or it is not worth asking. */
  virtualSizeBytes?: number;
  /** Why the image must not be let near a program that opens it: it names other files, or it is not what its header says. */
  hazard?: string;
}

/** Bytes an inspector wants to see. Regions are asked for in ascending order and do not overlap. */
export type Wanted =
  | { offset: number; length: number }
  /** The last `tail` bytes of the stream, once it has ended; `yield` then answers with `totalBytes` set. */
  | { tail: number };

interface Seen {
  /** The wanted bytes; shorter if the stream ended before them. */
  bytes: Buffer;
  /** Length of the whole stream; undefined until its end is known. */
  totalBytes: number | undefined;
}

/**
 * Recognises one format from a stream it sees once: a coroutine that asks for regions and returns its finding, or undefined for a
 * stream that is not of its format.
 */
export type Inspector = Generator<Wanted, Finding | undefined, Seen>;

/** A region asked for that lies behind what has already passed, or is too long: no honest image does that. */
export const MOST_REGION_BYTES = 1 << 20;
/** Longest tail that is kept: the footer of a streamOptimized VMDK. */
export const MOST_TAIL_BYTES = 1536;

/** A 64-bit size as a number; undefined when it is beyond 2^53, which no real disk is. */
export function sizeOf(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
