import { PIECE_UNIT_BYTES, type PieceCounts } from './codec.ts';

/** How a body is cut: into segments, each of them into pieces. Fragment i is piece i of all segments, one after another. */
export interface Layout extends PieceCounts {
  readonly sizeBytes: number;
  /** Of all segments but the last. */
  readonly segmentBytes: number;
}

export function pieceCount({ dataPieces, parityPieces }: PieceCounts): number {
  return dataPieces + parityPieces;
}

export function segmentCount({ sizeBytes, segmentBytes }: Layout): number {
  return Math.ceil(sizeBytes / segmentBytes);
}

/** Bytes of the body in segment `index`. */
export function segmentLength({ sizeBytes, segmentBytes }: Layout, index: number): number {
  return Math.min(segmentBytes, sizeBytes - index * segmentBytes);
}

/** Bytes of one piece of a segment of `length` bytes: the last data pieces are filled up with zeros. */
export function pieceBytes({ dataPieces }: PieceCounts, length: number): number {
  return Math.ceil(length / dataPieces / PIECE_UNIT_BYTES) * PIECE_UNIT_BYTES;
}

/** Where the piece of segment `index` begins in each fragment. */
export function pieceOffset(layout: Layout, index: number): number {
  return index * pieceBytes(layout, layout.segmentBytes);
}

export function fragmentBytes(layout: Layout): number {
  const last = segmentCount(layout) - 1;
  return last < 0 ? 0 : pieceOffset(layout, last) + pieceBytes(layout, segmentLength(layout, last));
}
