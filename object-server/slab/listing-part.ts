import { invariant } from '../../common/errors.ts';
import { xxh64 } from '../../common/xxh64.ts';
import type { ListingReport } from '../contract.ts';
import { CorruptNeedleError } from './corrupt-needle.ts';
import { MOST_LISTING_BYTES } from './limits.ts';
import type { EncodedPart } from './record.ts';

/** Listing reports that were read lately. */
const MOST_DECODED = 256;

/** All objects of a container on one device have the same report: the same object, made once by the proxy. */
const encoded = new WeakMap<ListingReport, EncodedPart>();
const decoded = new Map<bigint, ListingReport>();

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
  let listing = decoded.get(checksum);
  if (!listing) {
    try {
      listing = JSON.parse(bytes.toString()) as ListingReport;
    } catch (error) {
      throw new CorruptNeedleError('the listing report is no JSON', { cause: error });
    }
    if (decoded.size >= MOST_DECODED) decoded.clear();
    decoded.set(checksum, listing);
  }
  return listing;
}
