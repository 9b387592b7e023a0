import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { PIECE_BYTES, piecePool } from '../../../common/memory/piece-pool.ts';
import { BODY_BLOCK_BYTES } from '../../../object-server/contract.ts';
import { transferBody } from '../../../proxy/actions/transfer-body.ts';
import { refusal } from '../../../proxy/errors.ts';
import type { RequestBody } from '../../../proxy/message.ts';
import { bodyOfBytes, checksumsOf } from '../../support/object-server/large-body.ts';

const SEED = 3n;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

/** A body in chunks whose memory is used again, as a client's is. */
function bodyInChunks(bytes: Buffer, chunkBytes: number, sizeBytes: number | undefined = bytes.length): RequestBody {
  return {
    sizeBytes,
    async *chunks() {
      for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
        const chunk = Buffer.from(bytes.subarray(offset, offset + chunkBytes));
        yield chunk;
        chunk.fill(0xee);
      }
    },
  };
}

describe('a body on its way from the client to the replicas', () => {
  let pieces: Buffer[];
  let checksums: bigint[];
  let free: number;

  beforeEach(() => {
    pieces = [];
    checksums = [];
    free = piecePool().freePieces;
  });

  const transfer = (body: RequestBody, mostBytes = Number.MAX_SAFE_INTEGER) =>
    transferBody({
      body,
      mostBytes,
      seed: SEED,
      send: async (piece, sums) => {
        const copy = Buffer.from(piece);
        await new Promise(setImmediate);
        expect(copy.equals(piece)).toBe(true); // nobody touches it meanwhile
        pieces.push(copy);
        checksums.push(...sums);
      },
    });

  it.each([
    [0, 1],
    [1, 1],
    [100, 7],
    [BODY_BLOCK_BYTES, 1000],
    [BODY_BLOCK_BYTES + 1, 60_000],
    [256 << 10, 65_536],
    [PIECE_BYTES, 65_536],
    [2 * PIECE_BYTES + 77, 65_000],
    [2 * PIECE_BYTES, 3 * PIECE_BYTES],
  ])('%i bytes in chunks of %i arrive whole, told their size or not', async (sizeBytes, chunkBytes) => {
    const body = bodyOfBytes(sizeBytes);
    for (const told of [sizeBytes, undefined]) {
      pieces = [];
      checksums = [];
      const declared =
        told === undefined ? { ...bodyInChunks(body, chunkBytes), sizeBytes: told } : bodyInChunks(body, chunkBytes);
      expect(await transfer(declared)).toEqual({ etag: md5(body), sizeBytes });
      expect(Buffer.concat(pieces).equals(body)).toBe(true);
      expect(checksums).toEqual([...checksumsOf(body, SEED)]);
      for (const piece of pieces.slice(0, -1)) expect(piece.length % BODY_BLOCK_BYTES).toBe(0);
    }
    expect(piecePool().freePieces).toBe(free);
  });

  it('many at once share what memory there is', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => bodyOfBytes(PIECE_BYTES + 5, index));
    const seen = await Promise.all(
      bodies.map((body) =>
        transferBody({ body: bodyInChunks(body, 65_536), mostBytes: 1 << 30, seed: SEED, send: async () => undefined }),
      ),
    );
    expect(seen.map(({ etag }) => etag)).toEqual(bodies.map(md5));
    expect(piecePool().freePieces).toBe(free);
  });

  it('a body that is too long is refused at once', async () => {
    await expect(transfer(bodyInChunks(bodyOfBytes(PIECE_BYTES * 2), 1000), PIECE_BYTES + 1)).rejects.toMatchObject({
      status: 413,
    });
    expect(Buffer.concat(pieces).length).toBeLessThanOrEqual(PIECE_BYTES);
    expect(piecePool().freePieces).toBe(free);
  });

  it('a body that is shorter than it was told, or longer, was cut: 499', async () => {
    for (const told of [101, 99, BODY_BLOCK_BYTES + 1])
      await expect(transfer(bodyInChunks(bodyOfBytes(100), 30, told))).rejects.toMatchObject({ status: 499 });
    expect(piecePool().freePieces).toBe(free);
  });

  it('a client that fails in the middle, and replicas that do, leave no memory in use', async () => {
    const failing: RequestBody = {
      sizeBytes: undefined,
      async *chunks() {
        yield bodyOfBytes(PIECE_BYTES + 1);
        throw refusal(408);
      },
    };
    await expect(transfer(failing)).rejects.toMatchObject({ status: 408 });
    for (const sizeBytes of [10, 3 * PIECE_BYTES]) {
      const body = bodyInChunks(bodyOfBytes(sizeBytes), 65_536);
      const send = async () => {
        throw refusal(503);
      };
      await expect(transferBody({ body, mostBytes: 1 << 30, seed: SEED, send })).rejects.toMatchObject({ status: 503 });
    }
    expect(piecePool().freePieces).toBe(free);
  });

  it('no more is taken from the client while two pieces are under way', async () => {
    let taken = 0;
    let release: () => void = () => undefined;
    const body: RequestBody = {
      sizeBytes: undefined,
      async *chunks() {
        for (let chunk = 0; chunk < 64; chunk += 1) {
          taken += PIECE_BYTES / 16;
          yield bodyOfBytes(PIECE_BYTES / 16);
        }
      },
    };
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    const whole = transferBody({ body, mostBytes: 1 << 30, seed: SEED, send: () => stuck });
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    expect(taken).toBeLessThanOrEqual(2 * PIECE_BYTES + PIECE_BYTES / 16);
    release();
    expect((await whole).sizeBytes).toBe(4 * PIECE_BYTES);
  });
});
