import { equalSecrets } from '../../common/secrets.ts';
import { SIGNATURE_SKEW_MS, SIGNED_URL_MS } from '../limits.ts';
import { signS3V2, signV2 } from './signature-v2.ts';
import {
  parseSigningScope,
  type SignedRequest,
  signV4,
  V4_ALGORITHM,
  v4SignatureOf,
  v4StringToSign,
} from './signature-v4.ts';

/** What `ec2tokens` is asked about: a whole request and its signature. */
export interface Ec2Proof {
  access: string;
  signature: string;
  host: string;
  request: SignedRequest;
}

/** What `s3tokens` is asked about: the text that was signed and its signature. */
export interface S3Proof {
  access: string;
  signature: string;
  stringToSign: Buffer;
}

/** Whether a secret signed a request, now. Spec: AWS, "Signature Version 2" and "Signature Version 4". */
export function ec2SignatureHolds(
  { access, signature, host, request }: Ec2Proof,
  secret: string,
  nowMs: number,
): boolean {
  const v4 = v4SignatureOf(request);
  if (v4) {
    const isFresh = isWithin(amzTimeOf(v4.amzDate), nowMs, SIGNATURE_SKEW_MS);
    return (
      v4.access === access && isFresh && equalSecrets(signV4(secret, v4.scope, v4StringToSign(request, v4)), signature)
    );
  }
  if (!isWithin(queryTimeOf(request), nowMs, SIGNATURE_SKEW_MS)) return false;
  // Clients disagree on whether a port belongs to the host that they sign.
  return [host, host.replace(/:\d+$/, '')].some((each) => {
    const expected = signV2(secret, request, each);
    return expected !== undefined && equalSecrets(expected, signature);
  });
}

/** Services that a signature of version 4 may be made for where object storage asks. */
const S3_SERVICES = new Set(['s3', 'iam', 'sts']);

/**
 * Whether a secret signed a text. A URL may have been signed up to a week ago; how long it is good for stands in the request, which
 * only the asking service has.
 *
 * Spec: Keystone, "S3 tokens"; Amazon S3, "Authenticating Requests".
 */
export function s3SignatureHolds({ signature, stringToSign }: S3Proof, secret: string, nowMs: number): boolean {
  const text = stringToSign.toString('utf8');
  if (!text.startsWith('AWS4')) return equalSecrets(signS3V2(secret, stringToSign), signature);
  // Chunks of an upload are signed under another name, with the same date and scope in the same places.
  const [algorithm = '', amzDate = '', scopeText = ''] = text.split('\n');
  const scope = parseSigningScope(scopeText);
  const signedMs = amzTimeOf(amzDate);
  if (!algorithm.startsWith(V4_ALGORITHM) || !scope || !S3_SERVICES.has(scope.service)) return false;
  if (!amzDate.startsWith(scope.date) || signedMs > nowMs + SIGNATURE_SKEW_MS || !(signedMs > nowMs - SIGNED_URL_MS))
    return false;
  return equalSecrets(signV4(secret, scope, stringToSign), signature);
}

/** `Timestamp`, or `Expires`, of a signed query. NaN where there is none. */
function queryTimeOf({ params }: SignedRequest): number {
  const text = params['Timestamp'] ?? params['Expires'] ?? '';
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text);
  return /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(hasZone ? text : `${text}Z`) : Number.NaN;
}

function amzTimeOf(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  return match ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`) : Number.NaN;
}

/** NaN is within nothing. */
function isWithin(timeMs: number, nowMs: number, skewMs: number): boolean {
  return Math.abs(timeMs - nowMs) <= skewMs;
}
