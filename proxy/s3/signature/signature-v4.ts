import { s3Error } from '../errors.ts';
import { MOST_SIGNED_URL_SECONDS, SKEW_MS } from '../limits.ts';
import type { Claim, SignedRequest } from './signed-request.ts';
import { encodeStrictly, parseAmzDate, sha256Hex } from './text.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

interface Parameters {
  credential: string;
  signedHeaders: string;
  signature: string;
  amzDate: string;
  isPresigned: boolean;
}

/**
 * What a request of Signature V4 claims, in its header or its query.
 *
 * @throws ApiError for parameters that are none, a time that is not now, and headers that nobody signed: what they say would be the
 *   word of whoever sends the request, not of who signed it.
 * Spec: Amazon S3, "Authenticating Requests: Using the Authorization Header" and "Using Query Parameters".
 */
export function claimOfV4(request: SignedRequest, nowMs: number): Claim {
  const parameters = parametersOf(request);
  const { amzDate, isPresigned } = parameters;
  const malformed = isPresigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
  const [access = '', ...scopeParts] = splitCredential(parameters.credential);
  const [date = '', , service, end] = scopeParts;
  if (scopeParts.length !== 4 || access === '' || !/^\d{8}$/.test(date)) throw s3Error(malformed);
  if (service !== 's3' || end !== 'aws4_request') throw s3Error(malformed);
  if (!/^[0-9a-f]{64}$/.test(parameters.signature)) throw s3Error(malformed);
  checkTime(request, parameters, nowMs);
  if (!amzDate.startsWith(date)) throw s3Error(malformed);
  const signedHeaders = parameters.signedHeaders.split(';').filter((name) => name !== '');
  if (!signedHeaders.includes('host')) throw s3Error(malformed);
  const unsigned = Object.keys(request.headers).filter(
    (name) => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  );
  if (unsigned.length > 0)
    throw s3Error('AccessDenied', {
      message: 'There were headers present in the request which were not signed',
      fields: { HeadersNotSigned: unsigned.join(', ') },
    });
  const payload = payloadOf(request, isPresigned);
  const scope = scopeParts.join('/');
  const canonicals = pathsOf(request).map((path) =>
    canonicalRequest(request, { path, signedHeaders, payload, isPresigned }),
  );
  return {
    access,
    scope,
    signature: parameters.signature,
    stringsToSign: canonicals.map((canonical) => [ALGORITHM, amzDate, scope, sha256Hex(canonical)].join('\n')),
    canonical: canonicals[0],
    payload,
    amzDate,
  };
}

function parametersOf({ headers, target }: SignedRequest): Parameters {
  const authorization = headers['authorization'];
  if (authorization?.startsWith(ALGORITHM)) {
    const fields = new Map(
      authorization
        .slice(ALGORITHM.length)
        .split(',')
        .map((part): [string, string] => {
          const [name = '', ...value] = part.trim().split('=');
          return [name, value.join('=')];
        }),
    );
    const field = (name: string): string => {
      const value = fields.get(name);
      if (!value) throw s3Error('AuthorizationHeaderMalformed');
      return value;
    };
    return {
      credential: field('Credential'),
      signedHeaders: field('SignedHeaders'),
      signature: field('Signature'),
      amzDate: headers['x-amz-date'] ?? compactDate(headers['date']),
      isPresigned: false,
    };
  }
  const parameter = (name: string): string => {
    const value = target.query.get(name);
    if (!value) throw s3Error('AuthorizationQueryParametersError');
    return value;
  };
  if (parameter('X-Amz-Algorithm') !== ALGORITHM) throw s3Error('AuthorizationQueryParametersError');
  return {
    credential: parameter('X-Amz-Credential'),
    signedHeaders: parameter('X-Amz-SignedHeaders'),
    signature: parameter('X-Amz-Signature'),
    amzDate: parameter('X-Amz-Date'),
    isPresigned: true,
  };
}

/** An access key may hold slashes; what comes after it may not. */
function splitCredential(credential: string): string[] {
  const parts = credential.split('/');
  return [parts.slice(0, -4).join('/'), ...parts.slice(-4)];
}

/** `Date` as `x-amz-date` would say it; '' for what is none. */
function compactDate(date: string | undefined): string {
  if (date === undefined) return '';
  if (!Number.isNaN(parseAmzDate(date))) return date;
  const timeMs = Date.parse(date);
  return Number.isNaN(timeMs) ? '' : new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function checkTime({ target }: SignedRequest, { amzDate, isPresigned }: Parameters, nowMs: number): void {
  const signedMs = parseAmzDate(amzDate);
  if (Number.isNaN(signedMs)) {
    if (isPresigned) throw s3Error('AuthorizationQueryParametersError');
    throw s3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  }
  if (!isPresigned) {
    if (Math.abs(nowMs - signedMs) > SKEW_MS) throw s3Error('RequestTimeTooSkewed');
    return;
  }
  const text = target.query.get('X-Amz-Expires') ?? '';
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MOST_SIGNED_URL_SECONDS))
    throw s3Error('AuthorizationQueryParametersError', {
      message: `X-Amz-Expires must be a number of seconds between 1 and ${MOST_SIGNED_URL_SECONDS}`,
    });
  if (signedMs - nowMs > SKEW_MS) throw s3Error('AccessDenied', { message: 'Request is not valid yet' });
  if (nowMs > signedMs + seconds * 1000) throw s3Error('AccessDenied', { message: 'Request has expired' });
}

function payloadOf({ headers, target }: SignedRequest, isPresigned: boolean): string {
  const payload = headers['x-amz-content-sha256'] ?? target.query.get('X-Amz-Content-Sha256');
  if (payload !== undefined) return payload;
  if (isPresigned) return UNSIGNED_PAYLOAD;
  throw s3Error('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
}

/** As it was sent, and as it would be encoded strictly. */
function pathsOf({ target: { rawPath } }: SignedRequest): string[] {
  let strict: string;
  try {
    strict = encodeStrictly(decodeURIComponent(rawPath)).replaceAll('%2F', '/');
  } catch {
    return [rawPath];
  }
  return strict === rawPath ? [rawPath] : [rawPath, strict];
}

function canonicalRequest(
  { method, target, headers }: SignedRequest,
  parts: { path: string; signedHeaders: readonly string[]; payload: string; isPresigned: boolean },
): string {
  const { path, signedHeaders, payload, isPresigned } = parts;
  const query = target.pairs
    .filter(([name]) => !(isPresigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
    .sort(([leftName, leftValue], [rightName, rightValue]) =>
      leftName === rightName ? order(leftValue, rightValue) : order(leftName, rightName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return [
    method,
    path,
    query,
    ...signedHeaders.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    payload,
  ].join('\n');
}

function order(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
