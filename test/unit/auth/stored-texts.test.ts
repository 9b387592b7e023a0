import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
});
afterAll(() => cloud.stop());

const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object, token = admin) =>
  cloud.call(method, `/v3/${path}`, token, body);

describe.each([
  ['policies', 'policy', { type: 'application/json', blob: '{}' }, { blob: 'other' }],
  ['OS-OAUTH1/consumers', 'consumer', { description: 'a robot' }, { description: 'another' }],
])('%s', (path, key, body, change) => {
  it('are made, shown, listed, changed and deleted by administrators', async () => {
    const { secret, ...made } = (await call('POST', path, { [key]: { ...body, colour: 'red' } })).body[key];
    expect(made).toMatchObject({ ...body, colour: 'red' });
    expect(typeof secret).toBe(key === 'consumer' ? 'string' : 'undefined');
    const one = `${path}/${made.id}`;
    expect((await call('GET', one)).body[key]).toEqual(made);
    const list = (await call('GET', path)).body;
    expect(list[path.split('/').at(-1) ?? '']).toContainEqual(made);
    expect((await call('PATCH', one, { [key]: change })).body[key]).toMatchObject(change);
    expect((await call('DELETE', one)).status).toBe(204);
    for (const [method, with_] of [['GET'], ['PATCH', { [key]: change }], ['DELETE']] as const)
      expect((await call(method, one, with_)).status).toBe(404);
  });

  it('are no business of others', async () => {
    for (const [method, at] of [
      ['GET', path],
      ['GET', `${path}/x`],
      ['DELETE', `${path}/x`],
    ] as const)
      expect((await call(method, at, undefined, demo)).status).toBe(403);
    expect((await call('POST', path, { [key]: body }, demo)).status).toBe(403);
    expect((await call('PATCH', `${path}/x`, { [key]: change }, demo)).status).toBe(403);
  });
});

it('the flow of OAuth itself is not built', async () => {
  expect((await call('POST', 'OS-OAUTH1/request_token')).status).toBe(501);
});

describe('the configuration of a domain', () => {
  const config = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://x', user_tree_dn: 'ou=Users' } };
  const newDomain = async (name: string) =>
    (await call('POST', 'domains', { domain: { name } })).body.domain.id as string;

  it('is set, read as a whole, by group and by option, merged and deleted', async () => {
    const path = `domains/${await newDomain('configured')}/config`;
    expect((await call('PUT', path, { config })).status).toBe(201);
    expect((await call('PUT', path, { config })).status).toBe(200);
    expect((await call('GET', path)).body.config).toEqual(config);
    expect((await call('GET', `${path}/ldap`)).body.config).toEqual({ ldap: config.ldap });
    expect((await call('GET', `${path}/ldap/url`)).body.config).toEqual({ url: 'ldap://x' });
    const merged = await call('PATCH', `${path}/identity`, { config: { identity: { list_limit: 5 } } });
    expect(merged.body.config.identity).toEqual({ driver: 'ldap', list_limit: 5 });
    expect(
      (await call('PATCH', `${path}/identity/driver`, { config: { driver: 'sql' } })).body.config.identity.driver,
    ).toBe('sql');
    expect((await call('DELETE', `${path}/identity/driver`)).status).toBe(204);
    expect((await call('GET', `${path}/identity/driver`)).status).toBe(404);
    expect((await call('DELETE', `${path}/identity`)).status).toBe(204);
    expect((await call('GET', `${path}/identity`)).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
    expect((await call('PATCH', path, { config })).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(404);
  });

  it('takes no group or option that there is not, nor one that the path does not name', async () => {
    const path = `domains/${await newDomain('strict')}/config`;
    const put = async (given: object) => (await call('PUT', path, { config: given })).status;
    expect(await put({})).toBe(400);
    expect(await put({ database: { connection: 'x' } })).toBe(403);
    expect(await put({ identity: { password: 'x' } })).toBe(403);
    expect(await put({ identity: { driver: { a: 1 } } })).toBe(400);
    await put(config);
    expect((await call('PATCH', `${path}/identity`, { config: { ldap: { url: 'x' } } })).status).toBe(403);
    expect((await call('PATCH', `${path}/ldap/url`, { config: { user_tree_dn: 'x' } })).status).toBe(403);
    expect((await call('PUT', 'domains/none/config', { config })).status).toBe(404);
  });

  it('keeps a secret and never shows it', async () => {
    const path = `domains/${await newDomain('secretive')}/config`;
    const answer = await call('PUT', path, { config: { ldap: { url: 'ldap://x', password: 'pssst' } } });
    expect(answer.body.config).toEqual({ ldap: { url: 'ldap://x' } });
    expect(JSON.stringify((await call('GET', path)).body)).not.toContain('pssst');
  });

  it('has defaults that can be read', async () => {
    expect((await call('GET', 'domains/config/default')).body.config.identity).toMatchObject({ driver: 'sql' });
    expect((await call('GET', 'domains/config/ldap/default')).body.config.ldap).toHaveProperty('url');
    expect((await call('GET', 'domains/config/identity/driver/default')).body.config).toEqual({ driver: 'sql' });
    expect((await call('GET', 'domains/config/nothing/default')).status).toBe(404);
    expect((await call('GET', 'domains/config/default', undefined, demo)).status).toBe(403);
  });
});
