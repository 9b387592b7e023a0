import { s3Error } from './errors.ts';

/** Where the next page of a listing begins, as clients carry it. */
export function tokenOfMarker(marker: string): string {
  return Buffer.from(marker, 'utf8').toString('base64');
}

/** @throws ApiError `InvalidArgument`. */
export function markerOfToken(token: string): string {
  const bytes = Buffer.from(token, 'base64');
  if (token === '' || bytes.toString('base64') !== token)
    throw s3Error('InvalidArgument', { message: 'The continuation token provided is incorrect' });
  return bytes.toString('utf8');
}
