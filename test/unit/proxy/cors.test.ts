import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const PAGE = 'http://page.example.com';

describe('CORS', () => {
  let swift: FakeSwift;

  async function start(config = {}) {
    swift = await FakeSwift.start({ config });
    await swift.put('/c');
    await swift.put('/c/o', 'hello', { 'x-object-meta-color': 'blue' });
  }

  beforeEach(() => start());
  afterEach(() => swift.stop());

  const allow = (origin: string, more: Record<string, string> = {}) =>
    swift.request('POST', '/c', { headers: { 'x-container-meta-access-control-allow-origin': origin, ...more } });
  const seen = ({ status, headers }: Response) => [
    status,
    headers.get('access-control-allow-origin'),
    headers.get('vary'),
  ];
  const preflight = (path: string, method = 'PUT', headers: Record<string, string> = {}) =>
    swift.request('OPTIONS', path, {
      token: '',
      headers: { origin: PAGE, 'access-control-request-method': method, ...headers },
    });
  const get = (path: string, token = 'member') => swift.request('GET', path, { token, headers: { origin: PAGE } });

  it('a preflight of an allowed origin is told what it may do', async () => {
    await allow(`http://other.example.com ${PAGE}`, { 'x-container-meta-access-control-max-age': '600' });
    const answer = await preflight('/c/o', 'PUT', { 'access-control-request-headers': 'x-auth-token, x-a ,x-a' });
    expect(seen(answer)).toEqual([200, PAGE, 'Origin, Access-Control-Request-Headers']);
    const { headers } = answer;
    expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS, COPY');
    expect(headers.get('access-control-allow-headers')).toBe('x-auth-token, x-a');
    expect(headers.get('access-control-max-age')).toBe('600');
    expect(headers.get('allow')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS, COPY');
    const container = await preflight('/c');
    expect(container.headers.get('access-control-allow-methods')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS');
    expect(container.headers.get('access-control-allow-headers')).toBeNull();
  });

  it('any origin is allowed by a star, which the answer says', async () => {
    await allow('*');
    expect(seen(await preflight('/c/o'))).toEqual([200, '*', null]);
    expect(seen(await get('/c/o'))).toEqual([200, '*', null]);
    await allow(`* ${PAGE}`);
    expect(seen(await get('/c/o'))).toEqual([200, PAGE, 'Origin']);
  });

  it('a preflight of another origin, for another method or of an absent container is refused', async () => {
    expect(seen(await preflight('/c/o'))).toEqual([401, null, null]);
    await allow('http://other.example.com');
    const refused = await preflight('/c/o');
    expect(seen(refused)).toEqual([401, null, null]);
    expect(refused.headers.get('allow')).toBe('GET, HEAD, PUT, POST, DELETE, OPTIONS');
    await allow(PAGE);
    for (const method of ['COPY', 'PATCH', '']) expect((await preflight('/c/o', method)).status, method).toBe(401);
    expect((await preflight('/absent/o')).status).toBe(401);
  });

  it('OPTIONS without an origin, or of an account, is as it was', async () => {
    expect((await swift.request('OPTIONS', '/c/o', { token: '' })).status).toBe(200);
    expect(seen(await preflight(''))).toEqual([200, null, null]);
  });

  it('a page of an allowed origin sees answers, refusals and what they say of the object', async () => {
    await allow(PAGE, { 'x-container-meta-access-control-expose-headers': 'X-Mine  x-other' });
    const answer = await get('/c/o');
    expect(seen(answer)).toEqual([200, PAGE, 'Origin']);
    expect(answer.headers.get('access-control-expose-headers')).toBe(
      'cache-control, content-language, content-type, expires, last-modified, pragma, etag, x-timestamp, x-trans-id, ' +
        'x-openstack-request-id, x-object-meta-color, x-mine, x-other',
    );
    expect(seen(await get('/c'))).toEqual([200, PAGE, 'Origin, Accept']);
    expect(seen(await get('/c/absent'))).toEqual([404, PAGE, 'Origin']);
    expect(seen(await get('/c/o', ''))).toEqual([401, PAGE, 'Origin']);
    expect(seen(await swift.put('/c/p', 'x', { origin: PAGE }))).toEqual([201, PAGE, 'Origin']);
  });

  it('a page of another origin does not, and requests without one are as they were', async () => {
    await allow('http://other.example.com');
    expect(seen(await get('/c/o'))).toEqual([200, null, null]);
    expect(seen(await get('/absent/o'))).toEqual([404, null, null]);
    expect(seen(await swift.request('GET', '/c/o'))).toEqual([200, null, null]);
    expect(seen(await get(''))).toEqual([200, null, 'Accept']);
  });

  it('the operator may allow origins, expose headers and be lax', async () => {
    await swift.stop();
    await start({ cors_allow_origin: [PAGE], cors_expose_headers: ['X-Mine'] });
    expect((await preflight('/c/o')).status).toBe(200);
    expect((await get('/c/o')).headers.get('access-control-expose-headers')).toContain(', x-mine');
    await swift.stop();
    await start({ strict_cors_mode: false });
    expect(seen(await get('/c/o'))).toEqual([200, PAGE, 'Origin']);
    expect((await preflight('/c/o')).status).toBe(401);
  });

  it('a failure of ours stays one', async () => {
    for (const store of swift.listings.values()) store.unavailable = true;
    expect((await get('/c/o')).status).toBe(503);
  });
});
