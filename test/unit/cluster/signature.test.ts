import { describe, expect, it } from 'vitest';
import { renderBackendError } from '../../../common/cluster/backend-errors.ts';
import { NonceStore } from '../../../common/cluster/nonce-store.ts';
import { requireClusterKey } from '../../../common/cluster/require-cluster-key.ts';
import { type RequestToSign, signRequest, verifyRequest } from '../../../common/cluster/signature.ts';
import { ApiError } from '../../../common/errors.ts';
import { createApp } from '../../../common/http/app.ts';
import { createLogger } from '../../../common/log.ts';

const NOW_MS = 1_700_000_000_000;
const clusterKey = 'a key of the cluster';
const request: RequestToSign = {
  method: 'PUT',
  url: '/d1/12/AUTH_a/c/o%2F?x=1',
  headers: { 'x-timestamp': '1700000000.00001', 'x-backend-b': '2', 'x-backend-a': '1', accept: '*/*' },
};

function clockAt(nowMs: number) {
  return { nowMs: () => nowMs };
}

function codeOf(changed: Partial<RequestToSign>, options: { skewMs?: number; key?: string } = {}): string {
  const authorization = signRequest(request, { clusterKey: options.key ?? clusterKey, clock: clockAt(NOW_MS) });
  const clock = clockAt(NOW_MS + (options.skewMs ?? 0));
  const received = { ...request, ...changed };
  try {
    const headers = { authorization, ...received.headers };
    verifyRequest({ ...received, headers }, { clusterKey, clock }, new NonceStore(clock));
    return 'accepted';
  } catch (error) {
    return error instanceof ApiError ? `${error.status} ${error.code}` : String(error);
  }
}

describe('the signature of a request between nodes', () => {
  it('is accepted for the request it was made for, whatever the order of the headers', () => {
    expect(codeOf({})).toBe('accepted');
    const headers = { 'x-backend-a': '1', accept: 'text/plain', 'x-backend-b': '2', 'x-timestamp': '1700000000.00001' };
    expect(codeOf({ headers })).toBe('accepted');
  });

  it.each([
    ['another method', { method: 'POST' }],
    ['another path', { url: '/d1/12/AUTH_a/c/o?x=1' }],
    ['another query', { url: '/d1/12/AUTH_a/c/o%2F?x=2' }],
    ['a changed backend header', { headers: { ...request.headers, 'x-backend-a': '3' } }],
    ['a backend header more', { headers: { ...request.headers, 'x-backend-c': '' } }],
    ['a backend header less', { headers: { 'x-timestamp': '1700000000.00001', 'x-backend-a': '1' } }],
    ['another X-Timestamp', { headers: { ...request.headers, 'x-timestamp': '1700000000.00002' } }],
  ])('is refused for %s', (_, changed) => {
    expect(codeOf(changed)).toBe('403 ClusterKeyRefused');
  });

  it('is refused when it was made with another key', () => {
    expect(codeOf({}, { key: 'another key' })).toBe('403 ClusterKeyRefused');
  });

  it('is good for a minute either way, and no longer', () => {
    expect(codeOf({}, { skewMs: 60_000 })).toBe('accepted');
    expect(codeOf({}, { skewMs: -60_000 })).toBe('accepted');
    expect(codeOf({}, { skewMs: 60_001 })).toBe('401 ClusterKeyRequired');
    expect(codeOf({}, { skewMs: -60_001 })).toBe('401 ClusterKeyRequired');
  });

  it('is missed where there is none, or one of another form', () => {
    expect(codeOf({ headers: { ...request.headers, authorization: undefined } })).toBe('401 ClusterKeyRequired');
    expect(codeOf({ headers: { ...request.headers, authorization: 'Basic eA==' } })).toBe('401 ClusterKeyRequired');
  });

  it('is refused the second time', () => {
    const clock = clockAt(NOW_MS);
    const nonces = new NonceStore(clock);
    const authorization = signRequest(request, { clusterKey, clock });
    const received = { ...request, headers: { ...request.headers, authorization } };
    verifyRequest(received, { clusterKey, clock }, nonces);
    expect(() => verifyRequest(received, { clusterKey, clock }, nonces)).toThrow('received before');
  });
});

describe('the store of nonces', () => {
  it('remembers a nonce for as long as its signature can be good, then forgets it', () => {
    let nowMs = NOW_MS;
    const nonces = new NonceStore({ nowMs: () => nowMs });
    nowMs += 119_999;
    expect(nonces.remember('late in its generation')).toBe(true);
    nowMs += 120_000;
    expect(nonces.remember('late in its generation')).toBe(false);
    nowMs += 240_000;
    expect(nonces.remember('late in its generation')).toBe(true);
  });

  it('refuses new ones when it is full rather than to forget one', () => {
    const nonces = new NonceStore(clockAt(NOW_MS), 2);
    nonces.remember('a');
    nonces.remember('b');
    expect(() => nonces.remember('c')).toThrow('more requests');
    expect(nonces.remember('a')).toBe(false);
  });
});

describe('an app that requires the key of the cluster', () => {
  const app = createApp({
    logger: createLogger('silent'),
    renderError: renderBackendError,
    newRequestId: () => 'id',
    requestIdHeaders: [],
    mostBodyBytes: 1000,
  });
  requireClusterKey(app, { clusterKey, clock: clockAt(NOW_MS) });
  app.get('/*', async () => 'secret');

  it('answers a signed request and the health check, and refuses all others with plain text', async () => {
    const unsigned = await app.inject({ url: '/d1/1/a' });
    expect(unsigned.statusCode).toBe(401);
    expect(unsigned.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(unsigned.body).not.toContain('{');
    expect((await app.inject({ url: '/nowhere', method: 'DELETE' })).statusCode).toBe(401);
    expect((await app.inject({ url: '/healthcheck' })).statusCode).toBe(200);
    expect((await app.inject({ url: '/healthcheck/' })).statusCode).toBe(401);
    const authorization = signRequest(
      { method: 'GET', url: '/d1/1/a', headers: {} },
      { clusterKey, clock: clockAt(NOW_MS) },
    );
    const signed = await app.inject({ url: '/d1/1/a', headers: { authorization } });
    expect(signed.body).toBe('secret');
    expect((await app.inject({ url: '/d1/1/a', headers: { authorization } })).statusCode).toBe(403);
  });
});
