import { invariant } from '../errors.ts';

/** A piece of this thread's pool. */
export const PIECE_BYTES = 1 << 20;
/** What is given while all pieces are out: such a one is made for its user and left to the garbage collector. */
export const SMALL_PIECE_BYTES = 128 << 10;
/** All pieces of a thread. Only those that were ever used take memory. */
const MOST_POOLED_BYTES = 32 << 20;

const WASM_PAGE_BYTES = 64 << 10;

/** Where pieces come from and go back to. */
export type Pieces = Pick<PiecePool, 'take' | 'give'>;

/**
 * Memory for bodies on their way, used again and again: shared, so that other threads can work on it where it is; at page boundaries, so
 * that a disk can take it without a copy.
 */
export class PiecePool {
  /** What was given back last is given first: the others may stay untouched. */
  private readonly free: Uint8Array[] = [];
  private readonly owned: SharedArrayBuffer;

  constructor(pooledBytes: number = MOST_POOLED_BYTES) {
    this.owned = alignedMemory(pooledBytes);
    for (let start = pooledBytes - PIECE_BYTES; start >= 0; start -= PIECE_BYTES)
      this.free.push(new Uint8Array(this.owned, start, PIECE_BYTES));
  }

  /** @returns PIECE_BYTES, or SMALL_PIECE_BYTES when there are no more: a slow user keeps nobody waiting. Not zeroed. */
  take(): Uint8Array {
    return this.free.pop() ?? new Uint8Array(new SharedArrayBuffer(SMALL_PIECE_BYTES));
  }

  /** @param piece as it was taken; nobody may use it afterwards. */
  give(piece: Uint8Array): void {
    if (piece.buffer !== this.owned) return;
    invariant(
      piece.length === PIECE_BYTES && !this.free.includes(piece),
      'a piece is given back once, as it was taken',
    );
    this.free.push(piece);
  }

  get freePieces(): number {
    return this.free.length;
  }
}

let pool: PiecePool | undefined;

/** The pool of this thread. */
export function piecePool(): PiecePool {
  pool ??= new PiecePool();
  return pool;
}

/** A WebAssembly memory begins at a page of the system, which an ordinary buffer does not. */
function alignedMemory(bytes: number): SharedArrayBuffer {
  const pages = bytes / WASM_PAGE_BYTES;
  const memory = new webAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return memory.buffer;
}

/** Node's types leave it out. */
const webAssembly = Reflect.get(globalThis, 'WebAssembly') as {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer };
};
