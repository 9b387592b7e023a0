import { type ErasureCodec, loadErasureCodec } from '../../../proxy/erasure/codec.ts';

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value = value & 0x80 ? (value << 1) ^ 0x11d : value << 1;
}

const multiply = (a: number, b: number) => (a === 0 || b === 0 ? 0 : (EXP[(LOG[a] ?? 0) + (LOG[b] ?? 0)] ?? 0));
const inverse = (a: number) => EXP[255 - (LOG[a] ?? 0)] ?? 0;

/** Row of the coding matrix for piece `index`: the identity for data, Cauchy's matrix for parity. */
function rowOf(index: number, dataPieces: number): number[] {
  return Array.from({ length: dataPieces }, (_, column) =>
    index < dataPieces ? Number(index === column) : inverse(index ^ column),
  );
}

/** Reed–Solomon by the textbook, slow: tests need no compiler. */
export const plainCodec: ErasureCodec = {
  async encode(pieces, { dataPieces, parityPieces }) {
    const bytes = pieces.length / (dataPieces + parityPieces);
    for (let index = dataPieces; index < dataPieces + parityPieces; index += 1) {
      const row = rowOf(index, dataPieces);
      for (let at = 0; at < bytes; at += 1)
        pieces[index * bytes + at] = row.reduce(
          (sum, factor, piece) => sum ^ multiply(factor, pieces[piece * bytes + at] ?? 0),
          0,
        );
    }
  },
  async restore(pieces, { dataPieces, parityPieces }, present) {
    if (present.length < dataPieces) throw new Error('too few pieces');
    const bytes = pieces.length / (dataPieces + parityPieces);
    const chosen = present.slice(0, dataPieces);
    const solved = solve(chosen.map((index) => rowOf(index, dataPieces)));
    for (let at = 0; at < bytes; at += 1) {
      const known = chosen.map((index) => pieces[index * bytes + at] ?? 0);
      solved.forEach((row, piece) => {
        if (present.includes(piece)) return;
        pieces[piece * bytes + at] = row.reduce((sum, factor, index) => sum ^ multiply(factor, known[index] ?? 0), 0);
      });
    }
  },
};

/** The inverse of a matrix, by elimination. */
function solve(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, index) => [...row, ...rowOf(index, size)]);
  for (let column = 0; column < size; column += 1) {
    const pivot = rows.findIndex((row, index) => index >= column && row[column] !== 0);
    [rows[column], rows[pivot]] = [rows[pivot] ?? [], rows[column] ?? []];
    const factor = inverse(rows[column]?.[column] ?? 0);
    rows[column] = (rows[column] ?? []).map((value) => multiply(value, factor));
    for (let other = 0; other < size; other += 1) {
      const times = rows[other]?.[column] ?? 0;
      if (other === column || times === 0) continue;
      rows[other] = (rows[other] ?? []).map((value, index) => value ^ multiply(times, rows[column]?.[index] ?? 0));
    }
  }
  return rows.map((row) => row.slice(size));
}

/** The one of tests, and the one that ships where it is installed. */
export async function codecs(): Promise<[name: string, codec: ErasureCodec][]> {
  const installed = await loadErasureCodec().catch(() => undefined);
  return [['of tests', plainCodec], ...(installed ? [['that ships', installed] as [string, ErasureCodec]] : [])];
}
