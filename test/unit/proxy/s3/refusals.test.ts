import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askSigned, type RawRequest, send, signV4 } from '../../../support/s3/raw-request.ts';
import { startS3 } from '../../../support/s3/signing.ts';
import type { FakeSwift } from '../../../support/swift-fakes/fake-swift.ts';

let swift: FakeSwift;
beforeAll(async () => {
  ({ swift } = await startS3({
    config: { s3: { domain: 's3.example.com', region: 'somewhere', min_segment_size: 5 << 20 } },
  }));
  await askSigned(swift, { method: 'PUT', path: '/bucket' });
});
afterAll(() => swift.stop());

const ask = (method: string, path: string, raw: Partial<RawRequest> = {}) => askSigned(swift, { method, path, ...raw });
const removal = (body: string) => ask('POST', '/bucket?delete=', { body });

describe('XML', () => {
  it('with a document type or entities of its own is refused, whatever they are (CVE-2022-47950)', async () => {
    const bodies = [
      '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
      '<!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
      '<!doctype d><Delete><Object><Key>k</Key></Object></Delete>',
    ];
    for (const body of bodies) expect(await removal(body)).toMatchObject({ status: 400, code: 'MalformedXML' });
  });

  it('that is too deep, too long, not well-formed or something else is refused', async () => {
    expect((await removal(`${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}`)).code).toBe('MalformedXML');
    expect((await removal('<Delete><Object></Delete>')).code).toBe('MalformedXML');
    expect((await removal('<Other/>')).code).toBe('MalformedXML');
    expect((await removal('')).code).toBe('MalformedXML');
    expect((await removal('<Delete></Delete>')).code).toBe('MalformedXML');
    expect((await removal(`<Delete>${'<Object><Key>k</Key></Object>'.repeat(1001)}</Delete>`)).code).toBe(
      'MalformedXML',
    );
    expect((await removal(`<Delete>${' '.repeat(5 << 20)}</Delete>`)).code).toBe('MaxMessageLengthExceeded');
    const long = await ask('PUT', '/bucket?tagging=', { body: ' '.repeat(70_000) });
    expect(long.code).toBe('MaxMessageLengthExceeded');
  });

  it('reads the five entities and characters by number, and writes what XML can carry', async () => {
    await swift.put(`/bucket/${encodeURIComponent('a<b>&"\'é')}`, 'x');
    const listed = await ask('GET', '/bucket');
    expect(listed.body).toContain("<Key>a&lt;b&gt;&amp;&quot;'é</Key>");
    const answer = await removal('<Delete><Object><Key>a&lt;b&gt;&amp;&quot;&apos;&#233;</Key></Object></Delete>');
    expect(answer.status).toBe(200);
    expect((await ask('GET', '/bucket')).body).not.toContain('<Key>');
    expect((await removal('<Delete><Object><Key>&#0;</Key></Object></Delete>')).code).toBe('MalformedXML');
  });
});

describe('native Swift headers and queries', () => {
  it('mean nothing through S3 (CVE-2026-71192)', async () => {
    const headers = {
      'x-object-meta-a': '1',
      'x-object-sysmeta-slo-etag': 'x',
      'x-static-large-object': 'True',
      'x-copy-from': '/bucket/other',
      'x-delete-after': '60',
      'x-timestamp': '1.0',
      'x-object-manifest': 'bucket/x',
      'x-backend-storage-policy-index': '1',
    };
    expect((await ask('PUT', '/bucket/native', { body: 'mine', headers })).status).toBe(200);
    const seen = await swift.request('GET', '/bucket/native');
    expect(await seen.text()).toBe('mine');
    for (const name of ['x-object-meta-a', 'x-static-large-object', 'x-delete-at', 'x-object-manifest'])
      expect(seen.headers.get(name)).toBeNull();
    const manifest = await ask('PUT', '/bucket/native2?multipart-manifest=put', { body: '[]' });
    expect(manifest.status).toBe(200);
    expect(await swift.text('/bucket/native2')).toBe('[]');
    await ask('PUT', '/made', { headers: { 'x-container-read': '.r:*', 'x-container-meta-a': '1' } });
    const made = await swift.request('HEAD', '/made');
    expect(made.headers.get('x-container-read')).toBeNull();
    expect(made.headers.get('x-container-meta-a')).toBeNull();
  });

  it('and nothing internal comes out', async () => {
    const { headers } = await ask('GET', '/bucket/native');
    expect(Object.keys(headers).filter((name) => /^x-(object|backend|timestamp)/.test(name))).toEqual([]);
  });
});

describe('a request', () => {
  it('that is not signed is Swift’s', async () => {
    const answer = await send(swift, { method: 'GET', path: '/bucket/native' });
    expect(answer.code).toBeUndefined();
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('<h1>Bad Request</h1>');
  });

  it('for a bucket that is called as Swift’s few fixed paths are is S3’s', async () => {
    expect((await ask('PUT', '/info')).status).toBe(200);
    expect((await ask('GET', '/info')).body).toContain('<ListBucketResult');
    expect((await send(swift, { method: 'GET', path: '/info' })).body).toContain('s3api');
  });

  it('names its bucket in the host, where a domain is configured', async () => {
    const host = 'bucket.s3.example.com';
    const { headers } = signV4({ ...swift, url: `http://${host}`, nowMs: swift.nowMs } as FakeSwift, {
      method: 'GET',
      path: '/native',
    });
    expect(await send(swift, { method: 'GET', path: '/native', headers })).toMatchObject({ status: 200, body: 'mine' });
  });

  it('that names another owner of its bucket is refused', async () => {
    const owned = (owner: string) => ask('GET', '/bucket', { headers: { 'x-amz-expected-bucket-owner': owner } });
    expect((await owned('p1')).status).toBe(200);
    expect((await owned('p2')).code).toBe('AccessDenied');
  });

  it('for what is not built is refused, never half done', async () => {
    for (const [method, path] of [
      ['PUT', '/bucket?website='],
      ['PUT', '/bucket?replication='],
      ['PUT', '/bucket?encryption='],
      ['GET', '/bucket/native?torrent='],
      ['POST', '/bucket/native?select='],
      ['POST', '/bucket'],
    ] as const)
      expect(await ask(method, path)).toMatchObject({ status: 501, code: 'NotImplemented' });
    for (const [name, value] of [
      ['x-amz-server-side-encryption', 'AES256'],
      ['x-amz-website-redirect-location', '/'],
      ['x-amz-grant-read', 'id=x'],
    ] as const)
      expect((await ask('PUT', '/bucket/k', { headers: { [name]: value } })).code).toBe('NotImplemented');
    expect((await ask('PUT', '/bucket/k', { headers: { 'x-amz-storage-class': 'GLACIER' } })).code).toBe(
      'InvalidStorageClass',
    );
    expect((await ask('PUT', '/bucket/k', { headers: { 'x-amz-acl': 'public-read' } })).code).toBe('NotImplemented');
    expect((await ask('GET', '/bucket?policy=')).code).toBe('NoSuchBucketPolicy');
    expect((await ask('GET', '/bucket?lifecycle=')).code).toBe('NoSuchLifecycleConfiguration');
  });

  it('with a method, name, key or size that cannot be is refused', async () => {
    expect(await ask('PATCH', '/bucket/k')).toMatchObject({ status: 405, code: 'MethodNotAllowed' });
    expect((await ask('DELETE', '/')).code).toBe('MethodNotAllowed');
    expect((await ask('GET', '/a')).code).toBe('InvalidBucketName');
    expect((await ask('GET', '/bucket%2Bsegments')).code).toBe('InvalidBucketName');
    expect((await ask('PUT', `/bucket/${'k'.repeat(1025)}`)).code).toBe('KeyTooLongError');
    expect((await ask('PUT', '/bucket/%ff')).code).toBe('InvalidURI');
    expect((await ask('GET', '/bucket/nothing')).code).toBe('NoSuchKey');
    expect((await ask('GET', '/nowhere/nothing')).code).toBe('NoSuchBucket');
    const metadata = { 'x-amz-meta-a': 'x'.repeat(3000) };
    expect((await ask('PUT', '/bucket/k', { headers: metadata })).code).toBe('MetadataTooLarge');
  });

  it('that fails is answered in XML, with its id', async () => {
    const { headers, body } = await ask('GET', '/bucket/no%20thing');
    expect(headers['content-type']).toBe('application/xml');
    expect(body).toContain('<Code>NoSuchKey</Code>');
    expect(body).toContain('<Resource>/bucket/no%20thing</Resource>');
    expect(body).toContain(`<RequestId>${headers['x-amz-request-id']}</RequestId>`);
    expect((await ask('HEAD', '/bucket/nothing')).body).toBe('');
  });
});
