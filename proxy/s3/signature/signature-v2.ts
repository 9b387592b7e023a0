import { s3Error } from '../errors.ts';
import { SKEW_MS } from '../limits.ts';
import type { Claim, SignedRequest } from './signed-request.ts';
import { parseAmzDate } from './text.ts';

/** Parameters of the query that are signed. */
const SUBRESOURCES: ReadonlySet<string> = new Set([
  'accelerate',
  'acl',
  'cors',
  'defaultObjectAcl',
  'delete',
  'inventory',
  'lifecycle',
  'location',
  'logging',
  'notification',
  'object-lock',
  'legal-hold',
  'retention',
  'partNumber',
  'policy',
  'publicAccessBlock',
  'encryption',
  'replication',
  'requestPayment',
  'restore',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
]);

/**
 * What a request of Signature V2 claims, in its header or its query. All of its `x-amz-` headers are signed.
 *
 * @throws ApiError for parameters that are none, or a time that is not now.
 * Spec: Amazon S3, "Signing and Authenticating REST Requests" (Signature Version 2).
 */
export function claimOfV2(request: SignedRequest, nowMs: number): Claim {
  const { headers, target } = request;
  const authorization = headers['authorization'];
  if (authorization !== undefined) {
    const [, access, signature] = /^AWS ([^:]+(?::[^:]+)*):([A-Za-z0-9+/=]+)$/.exec(authorization) ?? [];
    if (!access || !signature)
      throw s3Error('InvalidArgument', {
        message: 'AWS authorization header is invalid. Expected AwsAccessKeyId:signature',
      });
    checkDate(headers, nowMs);
    return claim(request, {
      access,
      signature,
      date: headers['x-amz-date'] === undefined ? (headers['date'] ?? '') : '',
    });
  }
  const access = target.query.get('AWSAccessKeyId');
  const signature = target.query.get('Signature');
  const expires = target.query.get('Expires');
  if (!access || !signature || !expires || !/^\d{1,12}$/.test(expires))
    throw s3Error('AccessDenied', {
      message: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    });
  if (nowMs > Number(expires) * 1000) throw s3Error('AccessDenied', { message: 'Request has expired' });
  return claim(request, { access, signature, date: expires });
}

function claim(request: SignedRequest, parts: { access: string; signature: string; date: string }): Claim {
  const { access, signature, date } = parts;
  const { method, headers, target } = request;
  const { rawResource } = target;
  // Some clients sign a bucket with the slash that they do not send.
  const resources =
    target.bucket === undefined || rawResource.includes('/', 1) ? [rawResource] : [rawResource, `${rawResource}/`];
  const texts = resources.map((resource) =>
    [
      method,
      headers['content-md5'] ?? '',
      headers['content-type'] ?? '',
      date,
      ...amzHeaders(headers),
      resourceOf(resource, target.pairs),
    ].join('\n'),
  );
  return {
    access,
    scope: undefined,
    signature,
    stringsToSign: texts,
    canonical: undefined,
    payload: undefined,
    amzDate: '',
  };
}

function checkDate(headers: Readonly<Record<string, string>>, nowMs: number): void {
  const text = headers['x-amz-date'] ?? headers['date'] ?? '';
  const compact = parseAmzDate(text);
  const timeMs = Number.isNaN(compact) ? Date.parse(text) : compact;
  if (Number.isNaN(timeMs))
    throw s3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  if (Math.abs(nowMs - timeMs) > SKEW_MS) throw s3Error('RequestTimeTooSkewed');
}

function amzHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-amz-'))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}:${value.trim()}`);
}

function resourceOf(rawResource: string, pairs: SignedRequest['target']['pairs']): string {
  const signed = pairs
    .filter(([name]) => SUBRESOURCES.has(name))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  return signed.length === 0 ? rawResource : `${rawResource}?${signed.join('&')}`;
}
