import { crc32c } from '../../../common/crc32c.ts';
import { BHS_BYTES, type Digests, type Pdu } from './pdu.ts';

export type PduErrorKind = 'segment-too-long' | 'header-digest' | 'data-digest';

/** The byte stream cannot be followed any further (or, for a data digest, a PDU was damaged). Ends the connection. */
export class PduError extends Error {
  override readonly name = 'PduError';
  readonly kind: PduErrorKind;
  /** Header of the PDU, where it is known to be whole. */
  readonly bhs: Buffer;

  constructor(kind: PduErrorKind, bhs: Buffer) {
    super(`iSCSI PDU: ${kind}`);
    this.kind = kind;
    this.bhs = bhs;
  }
}

const empty = Buffer.alloc(0);

/**
 * Cuts a TCP byte stream into PDUs. Chunks go in by `push`; `next` gives PDUs until it needs more bytes. `digests` and
 * `maxSegmentBytes` may change between two calls of `next`: they count from the next PDU on.
 *
 * Holds at most one PDU and the chunk given last. Segments that lie whole in one chunk are views of it, not copies.
 * Spec: RFC 7143, 11.2
 */
export class PduDecoder {
  digests: Digests = { header: false, data: false };
  maxSegmentBytes: number;

  #chunk: Buffer = empty;
  #at = 0;
  /** What is being collected; undefined between two parts. */
  #part: Buffer | undefined;
  #filled = 0;
  #bhs: Buffer | undefined;
  #ahs: Buffer | undefined;

  constructor(maxSegmentBytes: number) {
    this.maxSegmentBytes = maxSegmentBytes;
  }

  /** Gives the decoder its next bytes; the chunk before must have been used up by `next`. */
  push(chunk: Buffer): void {
    this.#chunk = this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
  }

  /** @throws PduError when a digest is wrong or a segment is longer than allowed. */
  next(): Pdu | undefined {
    if (this.#bhs === undefined) {
      this.#bhs = this.#take(BHS_BYTES);
      if (this.#bhs === undefined) return undefined;
      if (this.#bhs.readUIntBE(5, 3) > this.maxSegmentBytes) throw new PduError('segment-too-long', this.#bhs);
    }
    const bhs = this.#bhs;
    if (this.#ahs === undefined) {
      const length = (bhs[4] ?? 0) * 4;
      const ahs = this.#take(length + (this.digests.header ? 4 : 0));
      if (ahs === undefined) return undefined;
      this.#ahs = ahs.subarray(0, length);
      if (this.digests.header && crc32c(bhs, this.#ahs) !== ahs.readUInt32LE(length))
        throw new PduError('header-digest', bhs);
    }
    const length = bhs.readUIntBE(5, 3);
    const padded = length + ((4 - (length % 4)) % 4);
    const hasDigest = this.digests.data && length > 0;
    const segment = this.#take(padded + (hasDigest ? 4 : 0));
    if (segment === undefined) return undefined;
    const pdu = { bhs, ahs: this.#ahs, data: segment.subarray(0, length) };
    this.#bhs = undefined;
    this.#ahs = undefined;
    if (hasDigest && crc32c(segment.subarray(0, padded)) !== segment.readUInt32LE(padded))
      throw new PduError('data-digest', bhs);
    return pdu;
  }

  /** The next `length` bytes, or undefined until they have arrived. */
  #take(length: number): Buffer | undefined {
    if (length === 0) return empty;
    const available = this.#chunk.length - this.#at;
    if (this.#part === undefined) {
      if (available >= length) {
        this.#at += length;
        return this.#chunk.subarray(this.#at - length, this.#at);
      }
      this.#part = Buffer.allocUnsafe(length);
      this.#filled = 0;
    }
    const part = this.#part;
    const copied = this.#chunk.copy(part, this.#filled, this.#at, this.#at + part.length - this.#filled);
    this.#filled += copied;
    this.#at += copied;
    if (this.#filled < part.length) return undefined;
    this.#part = undefined;
    return part;
  }
}
