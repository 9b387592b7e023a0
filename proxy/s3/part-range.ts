import { MOST_MANIFEST_BYTES } from '../limits.ts';
import { readWhole } from '../message.ts';
import { s3Error } from './errors.ts';
import { S3_ETAG } from './headers.ts';
import type { S3Request, S3Services } from './message.ts';
import { type Ask, ask, askHead } from './object-api.ts';
import { partNumberOf } from './uploads.ts';

interface PartRange {
  /** Value of a `Range` header; undefined: all of the object. */
  range: string | undefined;
  /** How many parts there are; undefined for what was not uploaded in parts. */
  count: number | undefined;
}

/**
 * The part of an object that `partNumber` names: the only one, where it was not uploaded in parts.
 *
 * @throws ApiError `InvalidPartNumber` where there is no such part.
 * Spec: Amazon S3, GetObject: `partNumber`.
 */
export async function partRangeOf(
  request: S3Request,
  services: S3Services,
  what: Omit<Ask, 'method'>,
): Promise<PartRange> {
  const number = partNumberOf(request);
  const headers = await askHead(request, services, { method: 'HEAD', ...what });
  if (headers[S3_ETAG] === undefined) {
    if (number > 1) throw s3Error('InvalidPartNumber');
    return { range: undefined, count: undefined };
  }
  const query = { ...what.query, 'multipart-manifest': 'get' };
  const { body } = await ask(request, services, { method: 'GET', ...what, query });
  const text = body && (await readWhole(body, 2 * MOST_MANIFEST_BYTES));
  await body?.close();
  const sizes = (JSON.parse(text?.toString() ?? '[]') as { bytes?: number }[]).map(({ bytes }) => bytes ?? 0);
  const size = sizes[number - 1];
  if (size === undefined) throw s3Error('InvalidPartNumber');
  const start = sizes.slice(0, number - 1).reduce((sum, each) => sum + each, 0);
  return { range: size === 0 ? undefined : `bytes=${start}-${start + size - 1}`, count: sizes.length };
}
