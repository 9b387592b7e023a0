import { createHmac } from 'node:crypto';
import type { Identity, Signer, SignerDirectory } from '../../../auth/guard/contract.ts';
import { equalSecrets } from '../../../common/secrets.ts';
import { s3Error } from '../errors.ts';
import { claimOfV2 } from './signature-v2.ts';
import { claimOfV4 } from './signature-v4.ts';
import type { Claim, SignedRequest } from './signed-request.ts';
import { hmacHex } from './text.ts';

/** Who signed a request, and what is left to check as its body comes in. */
export interface Authenticated {
  identity: Identity;
  /** `x-amz-content-sha256` of version 4. */
  payload: string | undefined;
  /** Signs the pieces of the body, each with the signature before it; undefined for version 2, which has no such thing. */
  chain: SignatureChain | undefined;
}

export interface SignatureChain {
  key: Uint8Array;
  amzDate: string;
  scope: string;
  /** Of the request itself. */
  seed: string;
}

/**
 * Checks a request's signature.
 *
 * @throws ApiError `InvalidAccessKeyId`, `SignatureDoesNotMatch`, `RequestTimeTooSkewed`, `AccessDenied`, …; `ServiceUnavailable` where
 *   identity cannot be asked.
 */
export async function authenticate(
  request: SignedRequest,
  signers: SignerDirectory,
  nowMs: number,
): Promise<Authenticated> {
  const claim = claimOf(request, nowMs);
  const signer = await find(signers, claim);
  if (!signer) throw s3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.access } });
  if (!holds(claim, signer)) throw mismatch(claim);
  const { scope, amzDate, signature: seed, payload } = claim;
  const chain = scope === undefined ? undefined : { key: signer.key, amzDate, scope, seed };
  return { identity: signer.identity, payload, chain };
}

function claimOf(request: SignedRequest, nowMs: number): Claim {
  const authorization = request.headers['authorization'];
  const { query } = request.target;
  const isV4Url = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature') || query.has('X-Amz-Credential');
  const ways = [authorization !== undefined, isV4Url, query.has('AWSAccessKeyId')].filter(Boolean);
  if (ways.length > 1)
    throw s3Error('InvalidArgument', {
      message:
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    });
  return authorization?.startsWith('AWS4-') || isV4Url ? claimOfV4(request, nowMs) : claimOfV2(request, nowMs);
}

async function find(signers: SignerDirectory, { access, scope }: Claim): Promise<Signer | undefined> {
  try {
    return await signers.find(access, scope);
  } catch (error) {
    throw s3Error('ServiceUnavailable', { cause: error });
  }
}

function holds({ scope, stringsToSign, signature }: Claim, { key }: Signer): boolean {
  const sign = (text: string) =>
    scope === undefined ? createHmac('sha1', key).update(text).digest('base64') : hmacHex(key, text);
  return stringsToSign.some((text) => equalSecrets(sign(text), signature));
}

function mismatch({ access, signature, stringsToSign, canonical }: Claim): Error {
  return s3Error('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: access,
      StringToSign: stringsToSign[0] ?? '',
      SignatureProvided: signature,
      ...(canonical === undefined ? {} : { CanonicalRequest: canonical }),
    },
  });
}
