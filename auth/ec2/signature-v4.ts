import { createHash, createHmac } from 'node:crypto';

/** What a signature of version 4 is made for: `<date>/<region>/<service>/aws4_request`. */
export interface SigningScope {
  /** `20261121`. */
  date: string;
  region: string;
  service: string;
}

export const V4_ALGORITHM = 'AWS4-HMAC-SHA256';

/** @returns undefined for any other text. */
export function parseSigningScope(text: string): SigningScope | undefined {
  const [date = '', region = '', service = '', end, ...more] = text.split('/');
  if (!/^\d{8}$/.test(date) || region === '' || service === '' || end !== 'aws4_request' || more.length > 0)
    return undefined;
  return { date, region, service };
}

/** What signs for one day, region and service. Spec: AWS, "Signature Version 4": signing key. */
export function signingKeyV4(secret: string, { date, region, service }: SigningScope): Buffer {
  return [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secret}`, date));
}

/** The signature, in hexadecimal. Spec: AWS, "Signature Version 4": signature. */
export function signV4(secret: string, scope: SigningScope, stringToSign: string | Buffer): string {
  return hmac(signingKeyV4(secret, scope), stringToSign).toString('hex');
}

/** A request as `ec2tokens` is told of it. */
export interface SignedRequest {
  verb: string;
  path: string;
  params: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
  bodyHash: string;
}

/** What of a request says who signed it, and how; undefined where version 4 did not. */
export interface V4Signature {
  access: string;
  scope: SigningScope;
  scopeText: string;
  signedHeaders: readonly string[];
  /** `20261121T120000Z`. */
  amzDate: string;
  /** Whether the signature travels in the query. */
  isPresigned: boolean;
}

/** Finds version 4's parameters in the `Authorization` header or the query. Header names are lower case. */
export function v4SignatureOf({ headers, params }: SignedRequest): V4Signature | undefined {
  const authorization = headers['authorization'];
  const isPresigned = !authorization?.startsWith(V4_ALGORITHM);
  const fields = isPresigned
    ? { Credential: params['X-Amz-Credential'], SignedHeaders: params['X-Amz-SignedHeaders'] }
    : fieldsOf(authorization?.slice(V4_ALGORITHM.length) ?? '');
  const amzDate = (isPresigned ? params['X-Amz-Date'] : (headers['x-amz-date'] ?? params['X-Amz-Date'])) ?? '';
  if (isPresigned && params['X-Amz-Algorithm'] !== V4_ALGORITHM) return undefined;
  const [access = '', ...rest] = (fields['Credential'] ?? '').split('/');
  const scopeText = rest.join('/');
  const scope = parseSigningScope(scopeText);
  const signedHeaders = (fields['SignedHeaders'] ?? '').split(';').filter(Boolean);
  // Who does not sign the host has signed a request to anybody.
  if (!scope || access === '' || !amzDate.startsWith(scope.date) || !signedHeaders.includes('host')) return undefined;
  return { access, scope, scopeText, signedHeaders, amzDate, isPresigned };
}

function fieldsOf(text: string): Record<string, string | undefined> {
  const pairs = text.split(',').map((part): [string, string] => {
    const [key = '', ...value] = part.trim().split('=');
    return [key, value.join('=')];
  });
  return Object.fromEntries(pairs);
}

/** Spec: AWS, "Signature Version 4": canonical request, string to sign. */
export function v4StringToSign(request: SignedRequest, signature: V4Signature): string {
  const { signedHeaders, amzDate, scopeText, isPresigned } = signature;
  const params = isPresigned
    ? Object.fromEntries(Object.entries(request.params).filter(([name]) => name !== 'X-Amz-Signature'))
    : request.params;
  const canonical = [
    request.verb.toUpperCase(),
    request.path,
    request.verb.toUpperCase() === 'POST' && !isPresigned ? '' : canonicalQuery(params),
    ...signedHeaders.map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    request.bodyHash,
  ].join('\n');
  return [V4_ALGORITHM, amzDate, scopeText, createHash('sha256').update(canonical).digest('hex')].join('\n');
}

/** Names and values percent-encoded, sorted. Spec: RFC 3986, unreserved characters. */
export function canonicalQuery(params: Readonly<Record<string, string>>): string {
  return Object.entries(params)
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: Buffer | string, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
