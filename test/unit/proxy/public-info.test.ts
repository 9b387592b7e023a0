import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const INFO: ProxyConfig['info'] = {
  expose_info: true,
  disallowed_sections: ['tempurl', 'slo.max_manifest_size', 'no.such.section', 'swift.version.deeper'],
  admin_key: 'info key',
  allowed_digests: ['sha1', 'sha256', 'sha512'],
};
const SOON = Math.floor(Date.parse('2026-11-21T01:00:00Z') / 1000);

function signed(method: string, expires = SOON, digest = 'sha256', key = INFO.admin_key): string {
  const signature = createHmac(digest, key).update(`${method}\n${expires}\n/info`).digest('hex');
  return `swiftinfo_sig=${signature}&swiftinfo_expires=${expires}`;
}

describe('/info', () => {
  let swift: FakeSwift;
  afterEach(() => swift.stop());

  const start = async (info: Partial<ProxyConfig['info']> = {}) => {
    swift = await FakeSwift.start({ config: { info: { ...INFO, ...info } } });
  };
  const ask = (query = '', method = 'GET', headers = {}) => fetch(`${swift.url}/info?${query}`, { method, headers });
  const statusOf = async (query: string, method = 'GET') => (await ask(query, method)).status;

  it('leaves out what the operator hides, and tells of it by a signature only', async () => {
    await start();
    const shown = (await (await ask()).json()) as Record<string, Record<string, unknown>>;
    expect(shown).not.toHaveProperty('admin');
    expect(shown).not.toHaveProperty('tempurl');
    expect(shown['slo']).toMatchObject({ max_manifest_segments: 1000 });
    expect(shown['slo']).not.toHaveProperty('max_manifest_size');
    expect(shown['swift']).toMatchObject({ version: '2.30.1' });
    const all = await (await ask(signed('GET'))).json();
    expect(all).toEqual({ ...shown, admin: { disallowed_sections: INFO.disallowed_sections } });
  });

  it.each(['sha1', 'sha256', 'sha512'])('takes signatures by %s', async (digest) => {
    await start();
    expect(await statusOf(signed('GET', SOON, digest))).toBe(200);
    expect(await statusOf(signed('GET', SOON, digest), 'HEAD')).toBe(200);
    expect(await statusOf(signed('HEAD', SOON, digest), 'HEAD')).toBe(200);
    expect(await statusOf(signed('HEAD', SOON, digest))).toBe(401);
    expect(await statusOf(signed('PUT', SOON, digest))).toBe(401);
  });

  it('refuses signatures that are wrong, over, incomplete or of a digest that is not allowed', async () => {
    await start({ allowed_digests: ['sha512'] });
    const refused = await ask(signed('GET', SOON, 'sha512', 'another key'));
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Swift realm="unknown"']);
    expect(await refused.text()).toContain('<h1>Unauthorized</h1>');
    for (const query of [
      signed('GET', SOON - 7200, 'sha512'),
      signed('GET', SOON, 'sha256'),
      signed('GET', SOON, 'sha512').split('&')[0] ?? '',
      `swiftinfo_expires=${SOON}`,
      `swiftinfo_sig=abc&swiftinfo_expires=${SOON}`,
      signed('GET', SOON, 'sha512').replace(/\d$/, 'x'),
      signed('GET', SOON, 'sha512').replace(/\d$/, '99'),
    ])
      expect(await statusOf(query), query).toBe(401);
    expect(await statusOf('swiftinfo_sig=&swiftinfo_expires=')).toBe(200);
  });

  it('takes no signature where there is no key, not even one by an empty key', async () => {
    await start({ admin_key: '' });
    expect(await statusOf(signed('GET', SOON, 'sha256', ''))).toBe(403);
    expect(await statusOf('')).toBe(200);
  });

  it('may be switched off', async () => {
    await start({ expose_info: false });
    expect(await statusOf('')).toBe(403);
    expect(await statusOf(signed('GET'))).toBe(403);
  });

  it('may be read by pages of any origin, and is not written', async () => {
    await start();
    const seen = await ask('', 'GET', { origin: 'http://a.example' });
    expect(seen.headers.get('access-control-allow-origin')).toBe('http://a.example');
    expect((await ask()).headers.get('access-control-allow-origin')).toBeNull();
    const options = await ask('', 'OPTIONS');
    expect([options.status, options.headers.get('allow')]).toEqual([200, 'GET, HEAD, OPTIONS']);
    const put = await ask('', 'PUT');
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
});
