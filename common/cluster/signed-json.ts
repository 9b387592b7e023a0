import { createHash } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { equalSecrets } from '../secrets.ts';

/** The signature covers this header, and the header the JSON that a request begins with. */
export const DIGEST_HEADER = 'x-backend-json-sha256';

/** Header for a request that carries `json`. */
export function digestHeader(json: string): Record<string, string> {
  return { [DIGEST_HEADER]: digestOf(Buffer.from(json)) };
}

/** @throws ApiError `ClusterKeyRefused` 403 where the bytes are not those that were signed for, `BadRequest` 400 where they are no JSON. */
export function parseSignedJson(bytes: Uint8Array, header: unknown): unknown {
  if (typeof header !== 'string' || !equalSecrets(header, digestOf(bytes)))
    throw new ApiError({
      status: 403,
      code: 'ClusterKeyRefused',
      message: 'The body is not the one that was signed for.',
    });
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw new ApiError({ status: 400, code: 'BadRequest', message: 'The body is no JSON.', cause });
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
