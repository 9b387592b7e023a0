import type { ListingQuery } from '../../container-server/contract.ts';
import { refusal } from '../errors.ts';
import { MOST_LISTING_ROWS } from '../limits.ts';
import { isTrue } from '../message.ts';

/**
 * Reads the parameters of a listing.
 *
 * @throws ApiError 412 for a limit above the maximum.
 * Spec: Object Storage API, "Show container details and list objects".
 */
export function parseListingQuery(query: ReadonlyMap<string, string>): ListingQuery {
  const path = query.get('path');
  return {
    limit: parseLimit(query.get('limit')),
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    marker: query.get('marker') ?? '',
    endMarker: query.get('end_marker') ?? '',
    reverse: isTrue(query.get('reverse')),
    ...(path === undefined ? {} : { path }),
  };
}

/** What is no number is no limit, as in Swift. */
function parseLimit(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return MOST_LISTING_ROWS;
  const limit = Number(text);
  if (limit > MOST_LISTING_ROWS) throw refusal(412, { body: `Maximum limit is ${MOST_LISTING_ROWS}` });
  return limit;
}
