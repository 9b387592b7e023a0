import { createHash } from 'node:crypto';
import { equalSecrets } from '../../../common/secrets.ts';
import type { Headers, RequestBody } from '../../message.ts';
import {
  ALGORITHMS,
  type Algorithm,
  algorithmNamed,
  beginChecksum,
  checksumHeader,
  isChecksumValue,
} from '../checksums/algorithms.ts';
import { s3Error } from '../errors.ts';
import type { Authenticated } from '../signature/authenticate.ts';
import { UNSIGNED_PAYLOAD } from '../signature/signature-v4.ts';
import { readAwsChunked } from './aws-chunked.ts';

/** A body as it was meant, and what is claimed of it; reading it to its end proves the claims. */
export interface Payload extends RequestBody {
  /** The checksum that the client sends along; its value is known, and proved, once the body has been read. */
  readonly checksum: { readonly algorithm: Algorithm; value(): string } | undefined;
}

const SIGNED_CHUNKS = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
const SIGNED_CHUNKS_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
const UNSIGNED_CHUNKS_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/**
 * What a request's body is below its framing, checked by what its headers say of it: signatures of chunks, SHA-256, checksum, length.
 *
 * @throws ApiError for headers that cannot be; reading it `IncompleteBody`, `BadDigest`, `XAmzContentSHA256Mismatch`, `SignatureDoesNotMatch`.
 */
export function payloadOf(raw: RequestBody, headers: Headers, authenticated: Authenticated): Payload {
  const { payload, chain } = authenticated;
  const isStreaming = payload?.startsWith('STREAMING-') ?? false;
  if (
    isStreaming &&
    payload !== SIGNED_CHUNKS &&
    payload !== SIGNED_CHUNKS_TRAILER &&
    payload !== UNSIGNED_CHUNKS_TRAILER
  )
    throw s3Error('NotImplemented', { message: `${payload} is not implemented.` });
  const hasTrailers = isStreaming && payload !== SIGNED_CHUNKS;
  const claimed = checksumOf(headers, hasTrailers);
  const sha256 = payload !== undefined && !isStreaming && payload !== UNSIGNED_PAYLOAD ? payload : undefined;
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw s3Error('InvalidArgument', {
      message: 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.',
    });
  const sizeBytes = isStreaming ? decodedLength(headers) : raw.sizeBytes;
  let value = claimed?.value;

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const running = claimed && beginChecksum(claimed.algorithm);
    const hash = sha256 === undefined ? undefined : createHash('sha256');
    const source = isStreaming
      ? readAwsChunked({
          chunks: raw.chunks(),
          chain: payload === UNSIGNED_CHUNKS_TRAILER ? undefined : chain,
          hasTrailers,
          onTrailer(name, text) {
            if (claimed && claimed.value === undefined && name === checksumHeader(claimed.algorithm)) value = text;
          },
        })
      : raw.chunks();
    let receivedBytes = 0;
    for await (const chunk of source) {
      receivedBytes += chunk.length;
      if (sizeBytes !== undefined && receivedBytes > sizeBytes) throw s3Error('IncompleteBody');
      running?.update(chunk);
      hash?.update(chunk);
      yield chunk;
    }
    if (sizeBytes !== undefined && receivedBytes !== sizeBytes) throw s3Error('IncompleteBody');
    if (hash && !equalSecrets(hash.digest('hex'), sha256 ?? '')) throw s3Error('XAmzContentSHA256Mismatch');
    if (!claimed || !running) return;
    if (value === undefined) throw s3Error('MalformedTrailerError');
    if (!isChecksumValue(claimed.algorithm, value)) throw invalidChecksum(claimed.algorithm);
    if (running.digest().toString('base64') !== value)
      throw s3Error('BadDigest', {
        message: `The ${claimed.algorithm} you specified did not match the calculated checksum.`,
      });
  }

  return {
    sizeBytes,
    chunks,
    checksum: claimed && { algorithm: claimed.algorithm, value: () => value ?? '' },
  };
}

/** The one checksum that a request brings, in a header or (value undefined) in a trailer. */
function checksumOf(
  headers: Headers,
  hasTrailers: boolean,
): { algorithm: Algorithm; value: string | undefined } | undefined {
  const given = ALGORITHMS.filter((algorithm) => headers[checksumHeader(algorithm)] !== undefined);
  const announced = (headers['x-amz-trailer'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name.startsWith('x-amz-checksum-'));
  const trailing = announced.map((name) => algorithmNamed(name.slice('x-amz-checksum-'.length)));
  if (trailing.includes(undefined))
    throw s3Error('InvalidRequest', { message: 'The value specified in the x-amz-trailer header is not supported' });
  if (given.length + trailing.length > 1)
    throw s3Error('InvalidRequest', {
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    });
  const [algorithm] = given;
  if (algorithm) {
    const value = headers[checksumHeader(algorithm)] ?? '';
    if (!isChecksumValue(algorithm, value)) throw invalidChecksum(algorithm);
    return { algorithm, value };
  }
  if (!hasTrailers || !trailing[0]) return undefined;
  return { algorithm: trailing[0], value: undefined };
}

function invalidChecksum(algorithm: Algorithm): Error {
  return s3Error('InvalidRequest', { message: `Value for ${checksumHeader(algorithm)} header is invalid.` });
}

function decodedLength(headers: Headers): number {
  const text = headers['x-amz-decoded-content-length'] ?? '';
  if (!/^\d{1,15}$/.test(text)) throw s3Error('MissingContentLength');
  return Number(text);
}
