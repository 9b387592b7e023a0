import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askSigned, awsChunked, presign, type RawRequest, send, signV4 } from '../../../support/s3/raw-request.ts';
import { ACCESS, FakeSigners, SECRET, startS3 } from '../../../support/s3/signing.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
const signers = new FakeSigners();
beforeAll(async () => {
  ({ swift } = await startS3({ deps: { signers } }));
  await askSigned(swift, { method: 'PUT', path: '/bucket' });
  await swift.put('/bucket/there', 'there');
});
afterAll(() => swift.stop());

const codeOf = async (raw: RawRequest) => (await askSigned(swift, raw)).code;
const get: RawRequest = { method: 'GET', path: '/bucket/there' };

describe('Signature V4', () => {
  it('lets in who signed with the key, for the key’s project', async () => {
    const answer = await askSigned(swift, get);
    expect(answer).toMatchObject({ status: 200, body: 'there' });
    expect(answer.headers['x-amz-request-id']).toBe(answer.headers['x-trans-id']);
    expect((await askSigned(swift, { ...get, access: 'OTHER' })).code).toBe('NoSuchBucket');
  });

  it('refuses unknown keys, wrong secrets, other services and changed requests', async () => {
    expect(await codeOf({ ...get, access: 'NOBODY' })).toBe('InvalidAccessKeyId');
    expect(await codeOf({ ...get, secret: 'wrong' })).toBe('SignatureDoesNotMatch');
    expect(await codeOf({ ...get, service: 'iam' })).toBe('AuthorizationHeaderMalformed');
    const { headers } = signV4(swift, get);
    const changed = await send(swift, { method: 'DELETE', path: get.path, headers });
    expect(changed.code).toBe('SignatureDoesNotMatch');
    expect(changed.body).not.toContain(SECRET);
    expect((await send(swift, { method: 'GET', path: '/bucket/there?acl', headers })).code).toBe(
      'SignatureDoesNotMatch',
    );
  });

  it('refuses times that are not now', async () => {
    expect(await codeOf({ ...get, atMs: swift.nowMs - 16 * 60_000 })).toBe('RequestTimeTooSkewed');
    expect(await codeOf({ ...get, atMs: swift.nowMs + 16 * 60_000 })).toBe('RequestTimeTooSkewed');
    expect(await codeOf({ ...get, atMs: swift.nowMs - 14 * 60_000 })).toBeUndefined();
  });

  it('refuses what is malformed', async () => {
    const { headers } = signV4(swift, get);
    for (const authorization of [
      'AWS4-HMAC-SHA256',
      'AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00',
      String(headers['authorization']).replace('host;', ''),
      String(headers['authorization']).replace(/Signature=.*/, 'Signature=zz'),
    ])
      expect((await send(swift, { ...get, headers: { ...headers, authorization } })).code).toBe(
        'AuthorizationHeaderMalformed',
      );
    const twice = await send(swift, { method: 'GET', path: `${presign(swift, get)}`, headers });
    expect(twice.code).toBe('InvalidArgument');
    const { 'x-amz-content-sha256': _, ...without } = headers;
    expect((await send(swift, { ...get, headers: without })).code).toBe('InvalidRequest');
  });

  it('says 503 where identity cannot be asked', async () => {
    const find = signers.find;
    signers.find = async () => {
      throw new Error('away');
    };
    expect(await askSigned(swift, get)).toMatchObject({ status: 503, code: 'ServiceUnavailable' });
    signers.find = find;
  });

  it('in a URL is good for its time and its method, and signs no header but the host', async () => {
    const path = presign(swift, get);
    expect(await send(swift, { method: 'GET', path })).toMatchObject({ status: 200, body: 'there' });
    expect((await send(swift, { method: 'PUT', path, body: 'x' })).code).toBe('SignatureDoesNotMatch');
    const late = presign(swift, { ...get, atMs: swift.nowMs - 61_000 });
    expect(await send(swift, { method: 'GET', path: late })).toMatchObject({ status: 403, code: 'AccessDenied' });
    const early = presign(swift, { ...get, atMs: swift.nowMs + 20 * 60_000 });
    expect((await send(swift, { method: 'GET', path: early })).code).toBe('AccessDenied');
    for (const expires of ['0', '604801', 'x'])
      expect((await send(swift, { method: 'GET', path: presign(swift, { ...get, expires }) })).code).toBe(
        'AuthorizationQueryParametersError',
      );
  });

  it('in a URL for a PUT cannot be made into a copy by a header that it does not sign (CVE-2026-71191)', async () => {
    const path = presign(swift, { method: 'PUT', path: '/bucket/stolen' });
    const headers = { 'x-amz-copy-source': '/bucket/there', 'content-length': '0' };
    expect(await send(swift, { method: 'PUT', path, headers })).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect((await swift.request('GET', '/bucket/stolen')).status).toBe(404);
  });
});

describe('Signature V2', () => {
  const sign = (text: string) => createHmac('sha1', SECRET).update(text).digest('base64');

  it('lets in by header and by URL, and refuses what is wrong or late', async () => {
    const date = new Date(swift.nowMs).toUTCString();
    const ask = (headers: Record<string, string>, path = get.path) => send(swift, { method: 'GET', path, headers });
    const authorization = `AWS ${ACCESS}:${sign(`GET\n\n\n${date}\n/bucket/there`)}`;
    expect(await ask({ date, authorization })).toMatchObject({ status: 200, body: 'there' });
    expect((await ask({ date, authorization }, '/bucket/there?acl')).code).toBe('SignatureDoesNotMatch');
    const listing = `AWS ${ACCESS}:${sign(`GET\n\n\n\nx-amz-date:${date}\n/bucket/`)}`;
    expect((await ask({ 'x-amz-date': date, authorization: listing }, '/bucket?prefix=t')).status).toBe(200);
    expect((await ask({ date: 'long ago', authorization })).code).toBe('AccessDenied');
    expect((await ask({ date: 'Sat, 21 Nov 2020 00:00:00 GMT', authorization })).code).toBe('RequestTimeTooSkewed');
    expect((await ask({ date, authorization: 'AWS nothing' })).code).toBe('InvalidArgument');
    const expires = Math.floor(swift.nowMs / 1000) + 60;
    const url = (at: number) =>
      `/bucket/there?AWSAccessKeyId=${ACCESS}&Expires=${at}&Signature=${encodeURIComponent(sign(`GET\n\n\n${at}\n/bucket/there`))}`;
    expect(await ask({}, url(expires))).toMatchObject({ status: 200, body: 'there' });
    expect((await ask({}, url(expires - 120))).code).toBe('AccessDenied');
    expect((await ask({}, url(expires).replace(/&Signature=.*/, ''))).code).toBe('AccessDenied');
  });
});

describe('a body', () => {
  const put = (raw: Partial<RawRequest>) => askSigned(swift, { method: 'PUT', path: '/bucket/body', ...raw });
  const stored = () => swift.text('/bucket/body');

  it('must be what was signed', async () => {
    expect((await put({ body: 'signed' })).status).toBe(200);
    expect(await put({ body: 'other', payload: 'a'.repeat(64) })).toMatchObject({ code: 'XAmzContentSHA256Mismatch' });
    expect((await put({ body: 'x', payload: 'nonsense' })).code).toBe('InvalidArgument');
    expect((await put({ body: 'x', payload: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' })).status).toBe(501);
    expect(await stored()).toBe('signed');
  });

  const DECODED = { 'x-amz-decoded-content-length': '11' };
  const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';

  function putChunks(change: (body: string) => string, more: Partial<RawRequest> & { trailers?: string[] } = {}) {
    const { trailers, ...raw } = more;
    const chunked: RawRequest = { method: 'PUT', path: '/bucket/body', headers: DECODED, payload: SIGNED, ...raw };
    const { headers, signature } = signV4(swift, chunked);
    const seed = chunked.payload === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' ? {} : { seed: signature };
    const body = awsChunked(swift, ['hello ', 'world'], { ...seed, ...(trailers ? { trailers } : {}) });
    return send(swift, { ...chunked, headers, body: change(body) });
  }
  const same = (body: string) => body;

  it('in signed chunks is stored without its framing', async () => {
    expect((await putChunks(same)).status).toBe(200);
    expect(await stored()).toBe('hello world');
    const kept = await putChunks(same, { headers: { ...DECODED, 'content-encoding': 'aws-chunked,gzip' } });
    expect(kept.status).toBe(200);
    expect((await swift.request('HEAD', '/bucket/body')).headers.get('content-encoding')).toBe('gzip');
  });

  it('in chunks that were changed, left out, cut off or go on is refused, and nothing is stored (CVE-2026-49017)', async () => {
    await put({ body: 'before' });
    const refused: [change: (body: string) => string, code: string][] = [
      [(body) => body.replace('world', 'w0rld'), 'SignatureDoesNotMatch'],
      [(body) => body.replace(/6;chunk[^\n]*\nhello \r\n/, ''), 'SignatureDoesNotMatch'],
      [(body) => body.slice(0, body.indexOf('world') + 2), 'IncompleteBody'],
      [(body) => body.slice(0, body.indexOf('world') + 7), 'IncompleteBody'],
      [(body) => body.slice(0, body.lastIndexOf('0;chunk') + 9), 'IncompleteBody'],
      [(body) => `${body}more`, 'IncompleteBody'],
      [() => '', 'IncompleteBody'],
      [() => 'x'.repeat(20_000), 'IncompleteBody'],
      [(body) => body.replace('6;', 'fffffffffff;'), 'InvalidChunkSizeError'],
      [(body) => body.replaceAll(/;chunk-signature=\w+/g, ''), 'IncompleteBody'],
    ];
    for (const [change, code] of refused) expect((await putChunks(change)).code).toBe(code);
    expect((await putChunks(same, { headers: { 'x-amz-decoded-content-length': '12' } })).code).toBe('IncompleteBody');
    expect((await putChunks(same, { headers: { 'x-amz-decoded-content-length': '10' } })).code).toBe('IncompleteBody');
    expect((await putChunks(same, { headers: {} })).code).toBe('MissingContentLength');
    expect(await stored()).toBe('before');
  });

  it('is proved by the checksum behind it, signed or not', async () => {
    const headers = { ...DECODED, 'x-amz-trailer': 'x-amz-checksum-crc32' };
    for (const payload of ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', `${SIGNED}-TRAILER`]) {
      const right = await putChunks(same, { payload, headers, trailers: ['x-amz-checksum-crc32:DUoRhQ=='] });
      expect(right).toMatchObject({ status: 200 });
      expect(right.headers['x-amz-checksum-crc32']).toBe('DUoRhQ==');
      const head = await askSigned(swift, {
        method: 'HEAD',
        path: '/bucket/body',
        headers: { 'x-amz-checksum-mode': 'ENABLED' },
      });
      expect(head.headers['x-amz-checksum-crc32']).toBe('DUoRhQ==');
      const wrong = await putChunks(same, { payload, headers, trailers: ['x-amz-checksum-crc32:AAAAAA=='] });
      expect(wrong.code).toBe('BadDigest');
      expect((await putChunks(same, { payload, headers })).code).toBe('MalformedTrailerError');
    }
    const forged = (body: string) => body.replace('DUoRhQ==', 'AAAAAA==');
    const signed = { payload: `${SIGNED}-TRAILER`, headers, trailers: ['x-amz-checksum-crc32:DUoRhQ=='] };
    expect((await putChunks(forged, signed)).code).toBe('SignatureDoesNotMatch');
    expect(
      (await putChunks(same, { ...signed, headers: { ...DECODED, 'x-amz-trailer': 'x-amz-checksum-md4' } })).code,
    ).toBe('InvalidRequest');
  });
});
