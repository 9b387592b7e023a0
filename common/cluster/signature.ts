import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { ApiError } from '../errors.ts';
import { equalSecrets } from '../secrets.ts';
import type { NonceStore } from './nonce-store.ts';

const SCHEME = 'Martlet-HMAC-SHA256';
const FORM = /^Martlet-HMAC-SHA256 timestamp=(\d{10,16}), nonce=([0-9a-f]{32}), signature=([0-9a-f]{64})$/;

/** How far the clocks of two nodes may differ, and how long a nonce must be remembered on either side. */
const MOST_SKEW_MS = 60_000;

/** Header names in lower case, as Node gives them. */
type SignedHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface RequestToSign {
  method: string;
  /** Path with query, byte for byte as it goes over the wire. */
  url: string;
  headers: SignedHeaders;
}

export interface SigningKey {
  clusterKey: string | Uint8Array;
  clock: Clock;
}

/**
 * The `authorization` header of a request between nodes of one cluster.
 *
 * Spec: docs/formats/cluster-signature.md
 */
export function signRequest(request: RequestToSign, { clusterKey, clock }: SigningKey): string {
  const timestamp = String(Math.floor(clock.nowMs()));
  const nonce = randomBytes(16).toString('hex');
  const signature = macOf(request, timestamp, nonce, clusterKey);
  return `${SCHEME} timestamp=${timestamp}, nonce=${nonce}, signature=${signature}`;
}

/**
 * Refuses a request that no holder of the cluster's key has made just now.
 *
 * @throws ApiError `ClusterKeyRequired` 401 without a signature or outside the allowed skew; `ClusterKeyRefused` 403 with a wrong
 *   or a replayed one; `TooManyNonces` 503 when no more nonces can be remembered.
 */
export function verifyRequest(request: RequestToSign, key: SigningKey, nonces: NonceStore): void {
  const { authorization } = request.headers;
  const match = typeof authorization === 'string' ? FORM.exec(authorization) : null;
  const [, timestamp, nonce, signature] = match ?? [];
  if (timestamp === undefined || nonce === undefined || signature === undefined)
    throw unsigned('This request needs a signature made with the key of the cluster.');
  if (!equalSecrets(signature, macOf(request, timestamp, nonce, key.clusterKey)))
    throw refused('The signature was not made with the key of this cluster, or not for this request.');
  if (Math.abs(key.clock.nowMs() - Number(timestamp)) > MOST_SKEW_MS)
    throw unsigned('The signature is too old, or the clocks of the two nodes differ by more than a minute.');
  if (!nonces.remember(nonce)) throw refused('This very request has been received before.');
}

function macOf({ method, url, headers }: RequestToSign, timestamp: string, nonce: string, key: string | Uint8Array) {
  const mac = createHmac('sha256', key);
  mac.update(`martlet-cluster-1\n${method}\n${url}\n${timestamp}\n${nonce}\n`);
  const names = Object.keys(headers).filter(isCovered).sort();
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) mac.update(`${name}:${Array.isArray(value) ? value.join(', ') : value}\n`);
  }
  return mac.digest('hex');
}

function isCovered(name: string): boolean {
  return name === 'x-timestamp' || name.startsWith('x-backend-');
}

function unsigned(message: string): ApiError {
  return new ApiError({
    status: 401,
    code: 'ClusterKeyRequired',
    message,
    headers: { 'www-authenticate': `${SCHEME} realm="cluster"` },
  });
}

function refused(message: string): ApiError {
  return new ApiError({ status: 403, code: 'ClusterKeyRefused', message });
}
