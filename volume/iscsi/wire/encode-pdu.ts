import { crc32c } from '../../../common/crc32c.ts';
import { invariant } from '../../../common/errors.ts';
import type { Digests, Pdu } from './pdu.ts';

const padding = [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(2), Buffer.alloc(1)] as const;

/**
 * Bytes of a PDU as they go on the wire: header, digest, data, padding, digest. Sets the two lengths in `pdu.bhs`.
 *
 * @returns pieces to be written in this order; the data segment is passed through, not copied.
 * Spec: RFC 7143, 11.2
 */
export function encodePdu(pdu: Pdu, digests: Digests): Buffer[] {
  const { bhs, ahs, data } = pdu;
  invariant(ahs.length % 4 === 0 && ahs.length <= 1020, 'AHS is at most 255 words');
  invariant(data.length < 2 ** 24, 'a data segment is shorter than 16 MiB');
  bhs[4] = ahs.length / 4;
  bhs.writeUIntBE(data.length, 5, 3);
  const pieces = ahs.length > 0 ? [bhs, ahs] : [bhs];
  if (digests.header) pieces.push(encodeDigest(crc32c(bhs, ahs)));
  if (data.length === 0) return pieces;
  const pad = padding[(data.length % 4) as 0 | 1 | 2 | 3];
  pieces.push(data);
  if (pad.length > 0) pieces.push(pad);
  if (digests.data) pieces.push(encodeDigest(crc32c(data, pad)));
  return pieces;
}

function encodeDigest(digest: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(digest);
  return bytes;
}
