import { describe, expect, it } from 'vitest';
import { PIECE_BYTES, PiecePool, piecePool, SMALL_PIECE_BYTES } from '../../../../common/memory/piece-pool.ts';

describe('the pool of pieces', () => {
  it('gives what was given back last', () => {
    const pool = new PiecePool(2 * PIECE_BYTES);
    const [first, second] = [pool.take(), pool.take()];
    expect(first.length).toBe(PIECE_BYTES);
    expect(first.byteOffset).not.toBe(second.byteOffset);
    pool.give(first);
    pool.give(second);
    expect(pool.take()).toBe(second);
    expect(pool.freePieces).toBe(1);
  });

  it('gives small ones when there are no more, and does not keep them', () => {
    const pool = new PiecePool(PIECE_BYTES);
    const piece = pool.take();
    const small = pool.take();
    expect(small.length).toBe(SMALL_PIECE_BYTES);
    pool.give(small);
    expect(pool.freePieces).toBe(0);
    pool.give(piece);
    expect(pool.freePieces).toBe(1);
  });

  it('refuses a piece that is given back twice, or a part of one', () => {
    const pool = new PiecePool(2 * PIECE_BYTES);
    const piece = pool.take();
    expect(() => pool.give(piece.subarray(1))).toThrow('as it was taken');
    pool.give(piece);
    expect(() => pool.give(piece)).toThrow('given back once');
  });

  it('is one for each thread', () => {
    expect(piecePool()).toBe(piecePool());
  });
});
