import type { Feature } from '../message.ts';
import { S3_ETAG } from './headers.ts';

/** What was uploaded in parts has an ETag of its own in this dialect: conditions, which are decided above, are about that one. */
export const largeEtags: Feature = (next) => async (request) => {
  const response = await next(request);
  const etag = response.headers[S3_ETAG];
  return etag === undefined ? response : { ...response, headers: { ...response.headers, etag: `"${etag}"` } };
};
