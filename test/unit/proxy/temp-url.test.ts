import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

const KEY = 'a key of the account';
const NOW_SECONDS = Date.parse('2026-11-21T00:00:00Z') / 1000;
const EXPIRES = NOW_SECONDS + 3600;

interface Signing {
  method?: string;
  path?: string;
  key?: string;
  expires?: number | string;
  digest?: string;
  prefix?: string;
  ipRange?: string;
}

function hmacOf(signing: Signing): Buffer {
  const { method = 'GET', path = '/c/o', key = KEY, expires = EXPIRES, digest = 'sha256', prefix, ipRange } = signing;
  const subject = prefix === undefined ? `/v1/AUTH_p1${path}` : `prefix:/v1/AUTH_p1${path}`;
  const range = ipRange === undefined ? '' : `ip=${ipRange}\n`;
  return createHmac(digest, key).update(`${range}${method}\n${expires}\n${subject}`).digest();
}

function signed(signing: Signing = {}): string {
  const query = new URLSearchParams({
    temp_url_sig: hmacOf(signing).toString('hex'),
    temp_url_expires: String(signing.expires ?? EXPIRES),
    ...(signing.prefix === undefined ? {} : { temp_url_prefix: signing.prefix }),
    ...(signing.ipRange === undefined ? {} : { temp_url_ip_range: signing.ipRange }),
  });
  return query.toString();
}

describe('temporary URLs', () => {
  let swift: FakeSwift;

  async function start(config = {}) {
    swift = await FakeSwift.start({ config });
    await swift.put('/c');
    await swift.put('/c/o', 'hello', { 'x-object-meta-secret': 's', 'x-object-meta-public-note': 'n' });
    await swift.request('POST', '', { headers: { 'x-account-meta-temp-url-key': KEY } });
  }

  beforeEach(() => start());
  afterEach(() => swift.stop());

  const bare = (method: string, path: string, options = {}) => swift.request(method, path, { token: '', ...options });
  const status = async (method: string, path: string, options = {}) => (await bare(method, path, options)).status;

  it('a GET needs no token, hides private metadata and says how to save the object', async () => {
    const answer = await bare('GET', `/c/o?${signed()}`);
    expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
    expect(answer.headers.get('x-object-meta-secret')).toBeNull();
    expect(answer.headers.get('x-object-meta-public-note')).toBe('n');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="o"; filename*=UTF-8''o`);
    expect(answer.headers.get('expires')).toBe('Sat, 21 Nov 2026 01:00:00 GMT');
  });

  it('names the file as the URL, the object or the path says', async () => {
    const disposition = async (more: string, path = '/c/o') =>
      (await bare('GET', `${path}?${signed({ path: decodeURIComponent(path) })}${more}`)).headers.get(
        'content-disposition',
      );
    expect(await disposition('&filename=v%C3%B6gel+(1).txt')).toBe(
      `attachment; filename="v%C3%B6gel %281%29.txt"; filename*=UTF-8''v%C3%B6gel%20%281%29.txt`,
    );
    expect(await disposition('&inline')).toBe('inline');
    expect(await disposition('&inline=&filename=a%0Ab')).toBe(`inline; filename="a%0Ab"; filename*=UTF-8''a%0Ab`);
    await swift.put('/c/a/b%20c/', 'x');
    expect(await disposition('', '/c/a/b%20c/')).toBe(`attachment; filename="b c"; filename*=UTF-8''b%20c`);
    await swift.put('/c/o', 'x', { 'content-disposition': 'inline; filename="own"' });
    expect(await disposition('')).toBe('inline; filename="own"');
    expect(await disposition('&filename=')).toBe('inline; filename="own"');
    expect(await disposition('&filename=f')).toBe(`attachment; filename="f"; filename*=UTF-8''f`);
  });

  it('ranges and conditions work, and what is no success is not named', async () => {
    const ranged = await bare('GET', `/c/o?${signed()}`, { headers: { range: 'bytes=1-2' } });
    expect([ranged.status, await ranged.text()]).toEqual([206, 'el']);
    expect(ranged.headers.get('content-disposition')).toContain('attachment');
    const absent = await bare('GET', `/c/absent?${signed({ path: '/c/absent' })}`);
    expect([absent.status, absent.headers.get('content-disposition')]).toEqual([404, null]);
  });

  it('takes sha256 and sha512, in hexadecimal or base64, and refuses sha1 unless it is configured', async () => {
    const withSignature = (text: string) => `/c/o?temp_url_expires=${EXPIRES}&temp_url_sig=${encodeURIComponent(text)}`;
    const of = (digest: string) => hmacOf({ digest });
    expect(await status('GET', withSignature(of('sha512').toString('hex')))).toBe(200);
    expect(await status('GET', withSignature(of('sha256').toString('hex').toUpperCase()))).toBe(200);
    for (const digest of ['sha256', 'sha512'])
      for (const encoding of ['base64', 'base64url'] as const)
        expect(await status('GET', withSignature(`${digest}:${of(digest).toString(encoding)}`))).toBe(200);
    expect(await status('GET', withSignature(of('sha1').toString('hex')))).toBe(401);
    expect(await status('GET', withSignature(`sha1:${of('sha1').toString('base64')}`))).toBe(401);
    await swift.stop();
    await start({ tempurl: { allowed_digests: ['sha1'], methods: ['GET'] } });
    expect(await status('GET', withSignature(of('sha1').toString('hex')))).toBe(200);
    expect(await status('GET', withSignature(of('sha256').toString('hex')))).toBe(401);
    expect(await status('PUT', `/c/o?${signed({ method: 'PUT', digest: 'sha1' })}`, { body: 'x' })).toBe(401);
  });

  it('refuses what is malformed, expired, of another key, method or object, and says the same of all', async () => {
    const good = hmacOf({}).toString('hex');
    const refused = [
      `temp_url_sig=${good}`,
      `temp_url_expires=${EXPIRES}`,
      `temp_url_sig=&temp_url_expires=${EXPIRES}`,
      `temp_url_sig=${good}&temp_url_expires=soon`,
      `temp_url_sig=${good}&temp_url_expires=2026-13-41T00:00:00Z`,
      `temp_url_sig=${good}&temp_url_expires=${EXPIRES + 1}`,
      `temp_url_sig=${good.slice(1)}&temp_url_expires=${EXPIRES}`,
      `temp_url_sig=${'z'.repeat(64)}&temp_url_expires=${EXPIRES}`,
      `temp_url_sig=md5:abcd&temp_url_expires=${EXPIRES}`,
      `temp_url_sig=sha256:%21&temp_url_expires=${EXPIRES}`,
      signed({ expires: NOW_SECONDS - 1 }),
      signed({ key: 'another' }),
      signed({ path: '/c/other' }),
      signed({ method: 'PUT' }),
    ];
    for (const query of refused) {
      const answer = await bare('GET', `/c/o?${query}`);
      expect([answer.status, await answer.text()], query).toEqual([401, '401 Unauthorized: Temp URL invalid\n']);
      expect(answer.headers.get('www-authenticate')).toBe('Swift realm="unknown"');
    }
    expect(await status('GET', `/c?${signed({ path: '/c' })}`)).toBe(401);
    expect(await status('GET', `/c//?${signed({ path: '/c//' })}`)).toBe(401);
    expect(await status('COPY', `/c/o?${signed({ method: 'COPY' })}`, { headers: { destination: '/c/p' } })).toBe(401);
    expect(await status('HEAD', `/c/o?${signed({ key: 'another' })}`)).toBe(401);
  });

  it('a bad signature is refused even with a good token, and a good one needs none', async () => {
    expect((await swift.request('GET', `/c/o?${signed({ key: 'no' })}`)).status).toBe(401);
    expect((await swift.request('GET', `/c/o?${signed()}`, { token: 'stranger' })).status).toBe(200);
  });

  it('the time may be a date', async () => {
    const query = `temp_url_sig=${hmacOf({}).toString('hex')}&temp_url_expires=2026-11-21T01:00:00Z`;
    expect(await status('GET', `/c/o?${query}`)).toBe(200);
    swift.nowMs += 3_601_000;
    expect(await status('GET', `/c/o?${query}`)).toBe(401);
  });

  it('HEAD is allowed by what allows GET, POST or PUT, and by nothing else', async () => {
    for (const method of ['HEAD', 'GET', 'POST', 'PUT'])
      expect(await status('HEAD', `/c/o?${signed({ method })}`), method).toBe(200);
    expect(await status('HEAD', `/c/o?${signed({ method: 'DELETE' })}`)).toBe(401);
    expect(await status('GET', `/c/o?${signed({ method: 'HEAD' })}`)).toBe(401);
  });

  it('PUT, POST and DELETE do what they were signed for', async () => {
    expect(await status('PUT', `/c/new?${signed({ method: 'PUT', path: '/c/new' })}`, { body: 'x' })).toBe(201);
    expect(await swift.text('/c/new')).toBe('x');
    const posted = { headers: { 'x-object-meta-a': 'b' } };
    expect(await status('POST', `/c/new?${signed({ method: 'POST', path: '/c/new' })}`, posted)).toBe(202);
    expect(await status('DELETE', `/c/new?${signed({ method: 'DELETE', path: '/c/new' })}`)).toBe(204);
    expect(await status('PUT', `/no/o?${signed({ method: 'PUT', path: '/no/o' })}`, { body: 'x' })).toBe(404);
  });

  it('a prefix allows what begins so', async () => {
    await swift.put('/c/photos/1', 'one');
    const query = signed({ path: '/c/photos/', prefix: 'photos/' });
    expect(await status('GET', `/c/photos/1?${query}`)).toBe(200);
    expect(await status('GET', `/c/o?${query}`)).toBe(401);
    expect(await status('GET', `/c/o?${signed({ path: '/c/', prefix: '' })}`)).toBe(200);
    // One object's signature is no prefix's.
    expect(await status('GET', `/c/o2?temp_url_prefix=o&${signed()}`)).toBe(401);
  });

  it('a range of addresses allows who is in it', async () => {
    const from = (ipRange: string) => status('GET', `/c/o?${signed({ ipRange })}`);
    expect(await from('127.0.0.1')).toBe(200);
    expect(await from('127.0.0.0/8')).toBe(200);
    expect(await from('10.0.0.0/8')).toBe(401);
    expect(await from('127.0.0.1/8')).toBe(401);
    expect(await from('nowhere')).toBe(401);
    expect(await status('GET', `/c/o?${signed()}&temp_url_ip_range=127.0.0.1`)).toBe(401);
  });

  it("a container's key signs for that container, and only an owner sees keys", async () => {
    await swift.put('/d');
    await swift.put('/d/o', 'x');
    await swift.request('POST', '/c', {
      headers: { 'x-container-meta-temp-url-key-2': 'ckey', 'x-container-read': '.r:*,.rlistings' },
    });
    expect(await status('GET', `/c/o?${signed({ key: 'ckey' })}`)).toBe(200);
    expect(await status('GET', `/d/o?${signed({ key: 'ckey', path: '/d/o' })}`)).toBe(401);
    const shown = async (token: string, path: string, name: string) =>
      (await swift.request('HEAD', path, { token })).headers.get(name);
    expect(await shown('member', '/c', 'x-container-meta-temp-url-key-2')).toBe('ckey');
    expect(await shown('', '/c', 'x-container-meta-temp-url-key-2')).toBeNull();
    expect(await shown('reader', '/c', 'x-container-meta-temp-url-key-2')).toBeNull();
    expect(await shown('member', '', 'x-account-meta-temp-url-key')).toBe(KEY);
    expect(await shown('reader', '', 'x-account-meta-temp-url-key')).toBeNull();
    await swift.request('POST', '/c', { headers: { 'x-remove-container-meta-temp-url-key-2': 'x' } });
    expect(await status('GET', `/c/o?${signed({ key: 'ckey' })}`)).toBe(401);
  });

  it('a write makes no pointer to what the URL does not allow', async () => {
    const query = signed({ method: 'PUT', path: '/c/new' });
    for (const [name, value] of [
      ['X-Object-Manifest', 'c/o'],
      ['X-Symlink-Target', 'c/o'],
      ['X-Copy-From', 'c/o'],
    ] as const) {
      const answer = await bare('PUT', `/c/new?${query}`, { headers: { [name]: value } });
      expect([answer.status, await answer.text()]).toEqual([
        400,
        `The header '${name}' is not allowed in this tempurl`,
      ]);
    }
    const manifest = JSON.stringify([{ path: '/c/o' }]);
    expect(await status('PUT', `/c/new?multipart-manifest=put&${query}`, { body: manifest })).toBe(201);
    expect(await swift.text('/c/new')).toBe(manifest);
    const headers = { 'x-object-manifest': 'c/o' };
    expect(await status('POST', `/c/o?${signed({ method: 'POST' })}`, { headers })).toBe(400);
  });

  it('bulk requests are not what was signed', async () => {
    const signedDelete = signed({ method: 'DELETE' });
    const answer = await bare('DELETE', `/c/o?bulk-delete&${signedDelete}`, { body: '/c/o\n' });
    expect(await answer.text()).toContain('401 Unauthorized');
    expect((await swift.request('HEAD', '/c/o')).status).toBe(200);
  });

  it("reads a large object's segments as far as the key's scope goes", async () => {
    await swift.put('/segments');
    await swift.put('/segments/1', 'one');
    await swift.put('/c/1', 'two');
    await swift.request('POST', '/c', { headers: { 'x-container-meta-temp-url-key': 'ckey' } });
    const manifest = (path: string) => JSON.stringify([{ path }]);
    await swift.put('/c/far?multipart-manifest=put', manifest('/segments/1'));
    await swift.put('/c/near?multipart-manifest=put', manifest('/c/1'));
    await swift.put('/c/dynamic', '', { 'x-object-manifest': 'segments/' });
    const read = async (path: string, key: string) => {
      const answer = await bare('GET', `${path}?${signed({ path, key })}`).catch(() => undefined);
      return answer?.ok ? answer.text() : answer?.status;
    };
    expect(await read('/c/far', KEY)).toBe('one');
    expect(await read('/c/near', 'ckey')).toBe('two');
    expect(await read('/c/far', 'ckey')).toBe(409);
    expect(await read('/c/dynamic', 'ckey')).not.toBe('one');
  });

  it('a signature is for version 1 of the path', async () => {
    const answer = await fetch(`${swift.url}/v1.0/AUTH_p1/c/o?${signed()}`);
    expect(answer.status).toBe(401);
  });

  it("follows a link as far as the key's scope goes, and never into another account", async () => {
    await swift.put('/d');
    await swift.put('/d/far', 'far');
    await swift.request('POST', '/c', { headers: { 'x-container-meta-temp-url-key': 'ckey' } });
    await swift.put('/c/link', '', { 'x-symlink-target': 'd/far' });
    const answer = await bare('GET', `/c/link?${signed({ path: '/c/link' })}`);
    expect([answer.status, await answer.text()]).toEqual([200, 'far']);
    expect(await status('GET', `/c/link?${signed({ path: '/c/link', key: 'ckey' })}`)).toBe(401);
    await swift.put('/c/abroad', '', { 'x-symlink-target': 'd/far', 'x-symlink-target-account': 'AUTH_p2' });
    swift.identities.set('other', identity('p2', 'u7', ['member']));
    const abroad = { method: 'PUT', headers: { 'x-auth-token': 'other' }, body: 'theirs' };
    for (const path of ['/d', '/d/far']) await fetch(`${swift.url}/v1/AUTH_p2${path}`, abroad);
    expect(await status('GET', `/c/abroad?${signed({ path: '/c/abroad' })}`)).toBe(401);
  });

  it('OPTIONS asks for no signature', async () => {
    expect(await status('OPTIONS', '/c/o?temp_url_sig=x&temp_url_expires=1')).toBe(200);
  });
});
