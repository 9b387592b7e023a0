import { decode } from '../routes/path.ts';
import { s3Error } from './errors.ts';

/** What a request is about, and the texts of it that are signed. */
export interface S3Target {
  bucket: string | undefined;
  key: string | undefined;
  /** Names and values decoded, in the order in which they came. */
  pairs: readonly (readonly [name: string, value: string])[];
  query: ReadonlyMap<string, string>;
  /** As it was sent, without the query: what version 4 signs. */
  rawPath: string;
  /** `/bucket/key` as it was sent, however the bucket was told: what version 2 signs. */
  rawResource: string;
}

/**
 * Reads bucket and key: from the path, or the bucket from the host where that is `<bucket>.<domain>`.
 *
 * @param domain whose subdomains are buckets; '' for none.
 * @throws ApiError `InvalidURI` for what is not UTF-8 or holds NUL.
 * Spec: Amazon S3, "Virtual hosting of buckets".
 */
export function parseS3Target(url: string, host: string, domain: string): S3Target {
  const at = url.indexOf('?');
  const rawPath = pathOf(at < 0 ? url : url.slice(0, at));
  const pairs = at < 0 ? [] : parsePairs(url.slice(at + 1));
  const hostBucket = bucketOfHost(host, domain);
  const rawResource = hostBucket === undefined ? rawPath : `/${hostBucket}${rawPath}`;
  const path = decode(rawResource);
  if (path === undefined || path.includes('\0')) throw s3Error('InvalidURI');
  const slash = path.indexOf('/', 1);
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  return {
    bucket: bucket === '' ? undefined : bucket,
    key: key === '' ? undefined : key,
    pairs,
    query: new Map(pairs),
    rawPath,
    rawResource,
  };
}

function pathOf(text: string): string {
  const path = text.startsWith('/') ? text : text.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** @throws ApiError `InvalidURI`. */
function parsePairs(text: string): [string, string][] {
  return text
    .split('&')
    .filter((part) => part !== '')
    .map((part): [string, string] => {
      const equals = part.indexOf('=');
      const name = decode((equals < 0 ? part : part.slice(0, equals)).replaceAll('+', ' '));
      const value = decode((equals < 0 ? '' : part.slice(equals + 1)).replaceAll('+', ' '));
      if (name === undefined || value === undefined) throw s3Error('InvalidURI');
      return [name, value];
    });
}

function bucketOfHost(host: string, domain: string): string | undefined {
  if (domain === '') return undefined;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const suffix = `.${domain.toLowerCase()}`;
  return name.endsWith(suffix) && name.length > suffix.length ? name.slice(0, -suffix.length) : undefined;
}

/** Whether a request is one of this dialect: signed as S3's are; all others are Swift's. Spec: Swift, "S3 API". */
export function isS3Signed(authorization: string | undefined, url: string): boolean {
  if (authorization !== undefined && /^AWS( |4-)/.test(authorization)) return true;
  const at = url.indexOf('?');
  return at >= 0 && /(^|&)(X-Amz-(Algorithm|Credential|Signature)|AWSAccessKeyId)=/.test(url.slice(at + 1));
}
