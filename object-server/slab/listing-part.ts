import { invariant } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import type { ListingReport } from '../contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { MOST_LISTING_BYTES } from './limits.ts';
import type { EncodedPart } from './record.ts';

/** Listing reports that were read lately, by the last bits of their checksums. */
const DECODED_BITS = 8;

/** All objects of a container on one device have the same report: the same object, made once by the proxy. */
const encoded = new WeakMap<ListingReport, EncodedPart>();
const decoded: ({ checksum: bigint; listing: ListingReport } | undefined)[] = new Array(2 ** DECODED_BITS);

/** Whom to tell of a version, as its needle has it: JSON. */
export function encodeListing(listing: ListingReport): EncodedPart {
  let part = encoded.get(listing);
  if (!part) {
    const bytes = Buffer.from(JSON.stringify(listing));
    invariant(bytes.length <= MOST_LISTING_BYTES, `a listing report of ${bytes.length} bytes`);
    part = { bytes, checksum: xxh64(bytes) };
    encoded.set(listing, part);
  }
  return part;
}

/**
 * @param checksum of `bytes`, found right.
 * @throws CorruptNeedleError.
 */
export function decodeListing(bytes: Buffer, checksum: bigint): ListingReport {
  const slot = Number(BigInt.asUintN(DECODED_BITS, checksum));
  const known = decoded[slot];
  if (known?.checksum === checksum) return known.listing;
  try {
    const listing = JSON.parse(bytes.toString()) as ListingReport;
    decoded[slot] = { checksum, listing };
    return listing;
  } catch (error) {
    throw new CorruptNeedleError('the listing report is no JSON', { cause: error });
  }
}
