import { createHash } from 'node:crypto';
import { hashThread, type StreamedHash } from '../../common/hashing/hash-thread.ts';
import { piecePool } from '../../common/memory/piece-pool.ts';
import { BODY_BLOCK_BYTES, blockChecksum, MOST_WHOLE_BYTES } from '../../object-server/contract.ts';
import { refusal } from '../errors.ts';
import { MOST_HASHED_HERE_BYTES } from '../limits.ts';
import type { RequestBody } from '../message.ts';

export interface BodyTransfer {
  body: RequestBody;
  mostBytes: number;
  /** `bodySeed` of the version. */
  seed: bigint;
  /**
   * Gives a piece to all replicas, at the pace of the slowest: one at a time, each but the last in whole blocks. Its memory is used again
   * when it resolves or rejects.
   */
  send(piece: Uint8Array, checksums: BigUint64Array): Promise<void>;
}

/**
 * Takes a body from the client and hands it on, once for all replicas: gathered into large pieces of recycled memory, its blocks' checksums
 * made on the way, its MD5 in another thread where it is long. While a piece is hashed and written, the next one fills.
 *
 * @throws ApiError 413, 499, what the body and `send` throw. Nobody uses the memory any more then.
 */
export async function transferBody(transfer: BodyTransfer): Promise<{ etag: string; sizeBytes: number }> {
  const { body, mostBytes } = transfer;
  const courier = new Courier(transfer);
  try {
    for await (const chunk of body.chunks()) {
      if (courier.sizeBytes + chunk.length > mostBytes) throw refusal(413);
      await courier.add(chunk);
    }
    const { sizeBytes } = courier;
    if (body.sizeBytes !== undefined && sizeBytes !== body.sizeBytes) throw refusal(499);
    return { etag: await courier.finish(), sizeBytes };
  } finally {
    await courier.close();
  }
}

class Courier {
  sizeBytes = 0;
  private readonly transfer: BodyTransfer;
  private memory: Uint8Array | undefined;
  private filled = 0;
  private blocks = 0;
  private hash: StreamedHash | undefined;
  /** The piece before, on its way to the replicas and the hash. */
  private underWay: Promise<void> = Promise.resolve();

  constructor(transfer: BodyTransfer) {
    this.transfer = transfer;
  }

  /** Waits only while the piece before is under way. */
  async add(chunk: Uint8Array): Promise<void> {
    this.sizeBytes += chunk.length;
    for (let offset = 0; offset < chunk.length; ) {
      if (this.filled === this.memory?.length) await this.dispatch();
      this.memory ??= this.takeMemory();
      const bytes = Math.min(chunk.length - offset, this.memory.length - this.filled);
      this.memory.set(bytes === chunk.length ? chunk : chunk.subarray(offset, offset + bytes), this.filled);
      this.filled += bytes;
      offset += bytes;
    }
  }

  /** @returns the MD5. */
  async finish(): Promise<string> {
    if (this.hash === undefined && this.sizeBytes <= MOST_HASHED_HERE_BYTES) return this.sendWhole();
    await this.dispatch();
    await this.underWay;
    return (await this.hash?.digest()) ?? '';
  }

  async close(): Promise<void> {
    await this.underWay.catch(() => undefined);
    if (this.memory) piecePool().give(this.memory);
    this.memory = undefined;
    this.hash?.drop();
  }

  private takeMemory(): Uint8Array {
    const { sizeBytes } = this.transfer.body;
    return sizeBytes !== undefined && sizeBytes <= MOST_WHOLE_BYTES
      ? Buffer.allocUnsafe(sizeBytes)
      : piecePool().take();
  }

  /** A short body: another thread would take longer to hear of it. */
  private async sendWhole(): Promise<string> {
    const piece = this.memory?.subarray(0, this.filled) ?? new Uint8Array(0);
    const sent = piece.length > 0 ? this.transfer.send(piece, this.checksumsOf(piece)) : Promise.resolve();
    this.underWay = sent;
    const etag = createHash('md5').update(piece).digest('hex');
    await sent;
    return etag;
  }

  private async dispatch(): Promise<void> {
    await this.underWay;
    const { memory } = this;
    if (!memory || this.filled === 0) return;
    this.underWay = this.deliver(memory, memory.subarray(0, this.filled));
    this.underWay.catch(() => undefined); // met by whoever waits for it next
    this.memory = undefined;
    this.filled = 0;
  }

  private async deliver(memory: Uint8Array, piece: Uint8Array): Promise<void> {
    this.hash ??= hashThread().begin();
    const hashed = this.hash.update(piece);
    const sent = this.transfer.send(piece, this.checksumsOf(piece));
    const outcomes = await Promise.allSettled([sent, hashed]);
    piecePool().give(memory);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  private checksumsOf(piece: Uint8Array): BigUint64Array {
    const { seed } = this.transfer;
    const checksums = new BigUint64Array(Math.ceil(piece.length / BODY_BLOCK_BYTES));
    for (let index = 0; index < checksums.length; index += 1, this.blocks += 1) {
      const start = index * BODY_BLOCK_BYTES;
      checksums[index] = blockChecksum(piece.subarray(start, start + BODY_BLOCK_BYTES), seed, this.blocks);
    }
    return checksums;
  }
}
