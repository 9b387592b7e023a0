import { createHmac } from 'node:crypto';
import { canonicalQuery, type SignedRequest } from './signature-v4.ts';

/** The signature of a query, in base64. Spec: AWS, "Signature Version 2". */
export function signV2(secret: string, { verb, path, params }: SignedRequest, host: string): string | undefined {
  const algorithm = ALGORITHMS[params['SignatureMethod'] ?? ''];
  if (params['SignatureVersion'] !== '2' || algorithm === undefined) return undefined;
  const signed = Object.fromEntries(Object.entries(params).filter(([name]) => name !== 'Signature'));
  const text = [verb.toUpperCase(), host.toLowerCase(), path, canonicalQuery(signed)].join('\n');
  return createHmac(algorithm, secret).update(text).digest('base64');
}

const ALGORITHMS: Readonly<Record<string, string | undefined>> = { HmacSHA256: 'sha256', HmacSHA1: 'sha1' };

/** The signature of S3's older scheme, in base64. Spec: Amazon S3, "Signing and Authenticating REST Requests". */
export function signS3V2(secret: string, stringToSign: Buffer): string {
  return createHmac('sha1', secret).update(stringToSign).digest('base64');
}
