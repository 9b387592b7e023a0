import { createRequire } from 'node:module';
import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';

/** Reed–Solomon over equal pieces that lie one after another: data first, then parity. Their memory must not be touched meanwhile. */
export interface ErasureCodec {
  /** Fills in the parity pieces. */
  encode(pieces: Uint8Array, scheme: PieceCounts): Promise<void>;
  /**
   * Fills in the data pieces that are missing.
   * @param present indexes of good pieces, at least as many as there are data pieces.
   */
  restore(pieces: Uint8Array, scheme: PieceCounts, present: readonly number[]): Promise<void>;
}

export interface PieceCounts {
  /** Any so many pieces are enough to know all. */
  readonly dataPieces: number;
  /** So many may be lost. */
  readonly parityPieces: number;
}

interface Library {
  readonly MAX_K: number;
  readonly MAX_M: number;
  create(dataPieces: number, parityPieces: number): object;
  encode(
    context: object,
    sources: number,
    targets: number,
    data: Buffer,
    dataOffset: number,
    dataBytes: number,
    parity: Buffer,
    parityOffset: number,
    parityBytes: number,
    done: (error: Error | null | undefined) => void,
  ): void;
}

/** Native code, in libuv's threads. An optional dependency, for it needs a compiler: whoever has no such policy can do without it. */
const LIBRARY = '@ronomon/reed-solomon';
/** Bytes of a piece are a multiple of this. */
export const PIECE_UNIT_BYTES = 8;

export function needsErasureCodec(policies: readonly { type: string }[]): boolean {
  return policies.some(({ type }) => type === 'erasure_coding');
}

/** @throws StartError where the library is not installed. */
export async function loadErasureCodec(name = LIBRARY): Promise<ErasureCodec> {
  let library: Library;
  try {
    library = createRequire(import.meta.url)(name) as Library;
  } catch (error) {
    throw new StartError(
      `configuration: proxy.policies: an erasure coding policy needs the package ${name}, which is not installed: 'npm install' brings it where there is a C++ compiler`,
      EX_CONFIG,
      error,
    );
  }
  const contexts = new Map<string, object>();
  const contextOf = ({ dataPieces, parityPieces }: PieceCounts) => {
    const key = `${dataPieces}+${parityPieces}`;
    const context = contexts.get(key) ?? library.create(dataPieces, parityPieces);
    contexts.set(key, context);
    return context;
  };
  const run = (pieces: Uint8Array, scheme: PieceCounts, sources: number, targets: number) =>
    new Promise<void>((resolve, reject) => {
      const { dataPieces, parityPieces } = scheme;
      const length = pieces.length / (dataPieces + parityPieces);
      const data = Buffer.from(pieces.buffer, pieces.byteOffset, length * dataPieces);
      const parity = Buffer.from(pieces.buffer, pieces.byteOffset + data.length, length * parityPieces);
      const done = (error: Error | null | undefined) => (error ? reject(error) : resolve());
      const context = contextOf(scheme);
      library.encode(context, sources, targets, data, 0, data.length, parity, 0, parity.length, done);
    });
  return {
    async encode(pieces, scheme) {
      const { dataPieces, parityPieces } = scheme;
      await run(pieces, scheme, bits(0, dataPieces), bits(dataPieces, dataPieces + parityPieces));
    },
    async restore(pieces, scheme, present) {
      const { dataPieces } = scheme;
      const sources = present.reduce((flags, index) => flags | (1 << index), 0);
      const targets = bits(0, dataPieces) & ~sources;
      if (targets !== 0) await run(pieces, scheme, sources, targets);
    },
  };
}

/** Flags of the pieces from one (inclusive) to another (exclusive). */
function bits(from: number, to: number): number {
  let flags = 0;
  for (let index = from; index < to; index += 1) flags |= 1 << index;
  return flags;
}
