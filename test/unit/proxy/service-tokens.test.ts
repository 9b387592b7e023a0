import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

/** As an operator of Swift has it: users and services come only together to what services keep for users. */
const RESELLERS = [
  { prefix: 'SERVICE', reader_roles: [], service_roles: ['service'] },
  { prefix: 'SHARED', operator_roles: ['sharer'], reader_roles: ['reader'], service_roles: [] },
];

describe('accounts with a prefix of their own', () => {
  let swift: FakeSwift;
  beforeEach(async () => {
    swift = await FakeSwift.start({ straight: true, config: { reseller_prefixes: RESELLERS } });
    swift.identities.set('cinder', identity('services', 'cinder', ['service']));
    swift.identities.set('sharer', identity('p1', 'u5', ['sharer']));
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    expect(await statusOf('PUT', '/SERVICE_p1/c', 'member', 'cinder')).toBe(201);
    expect(await statusOf('PUT', '/SERVICE_p1/c/o', 'member', 'cinder')).toBe(201);
  });
  afterEach(() => swift.stop());

  async function statusOf(method: string, path: string, token: string, serviceToken = '', more = {}): Promise<number> {
    const headers = {
      ...(token ? { 'x-auth-token': token } : {}),
      ...(serviceToken ? { 'x-service-token': serviceToken } : {}),
      ...more,
    };
    const body = method === 'PUT' ? 'x' : null;
    const answer = await fetch(`${swift.url}/v1${path}`, { method, headers, body });
    await answer.text();
    return answer.status;
  }

  // Swift, "Using Swift as Backing Store for Service Data": who has both tokens, and with the roles.
  it.each([
    ['member', 'cinder', 200],
    ['member', '', 403],
    ['cinder', '', 403],
    ['cinder', 'cinder', 403],
    ['member', 'member', 403],
    ['stranger', 'cinder', 403],
    ['reader', 'cinder', 403],
    ['reader', '', 403],
    ['reseller', '', 200],
    ['', 'cinder', 401],
    ['member', 'refused', 401],
    ['refused', 'cinder', 401],
  ])('%s with the service token of %j is answered %i', async (token, serviceToken, expected) => {
    for (const path of ['/SERVICE_p1/c', '/SERVICE_p1/c/o'])
      for (let turn = 0; turn < 2; turn += 1) expect(await statusOf('GET', path, token, serviceToken)).toBe(expected);
    const written = expected === 200 ? 201 : expected;
    expect(await statusOf('PUT', '/SERVICE_p1/c/o', token, serviceToken)).toBe(written);
  });

  it('only the two of them set ACLs, which then count for anybody', async () => {
    const acl = { 'x-container-read': '.r:*' };
    expect(await statusOf('POST', '/SERVICE_p1/c', 'member', '', acl)).toBe(403);
    expect(await statusOf('GET', '/SERVICE_p1/c/o', '')).toBe(401);
    expect(await statusOf('POST', '/SERVICE_p1/c', 'member', 'cinder', acl)).toBe(204);
    expect(await statusOf('GET', '/SERVICE_p1/c/o', '')).toBe(200);
    expect(await statusOf('GET', '/SERVICE_p1/c/o', 'stranger')).toBe(200);
  });

  it('a copy between the user and the service needs both', async () => {
    await swift.put('/c');
    const from = { 'x-copy-from': '/c/o', 'x-copy-from-account': 'SERVICE_p1' };
    const copy = (headers: Record<string, string>) =>
      fetch(`${swift.url}/v1/AUTH_p1/c/copied`, { method: 'PUT', headers: { 'x-auth-token': 'member', ...headers } });
    expect((await copy(from)).status).toBe(403);
    expect((await copy({ ...from, 'x-service-token': 'cinder' })).status).toBe(201);
  });

  it('other prefixes may want other roles, and no service', async () => {
    expect(await statusOf('PUT', '/SHARED_p1/c', 'sharer')).toBe(201);
    expect(await statusOf('GET', '/SHARED_p1/c', 'reader')).toBe(204);
    expect(await statusOf('GET', '/SHARED_p1/c', 'member')).toBe(403);
    expect(await statusOf('PUT', '/AUTH_p1/c', 'sharer')).toBe(403);
    expect(await statusOf('GET', '/OTHER_p1/c', 'member')).toBe(403);
  });

  it('the own account asks for no service, and what identity refuses of one is nobody', async () => {
    expect(await statusOf('GET', '/AUTH_p1', 'member')).toBe(204);
    expect(await statusOf('GET', '/AUTH_p1', 'member', 'cinder')).toBe(204);
    expect(await statusOf('GET', '/AUTH_p1', 'member', 'refused')).toBe(401);
  });

  it('delegated tokens reach as far as their rules, unless a service passes them on', async () => {
    const rules = (path: string) => [{ service: 'object-store', method: 'GET', path }];
    const delegated = (id: string, accessRules: ReturnType<typeof rules>) => ({
      delegation: { kind: 'application_credential' as const, id, unrestricted: false, accessRules },
    });
    swift.identities.set('narrow', { ...identity('p1', 'u6', ['member']), ...delegated('a', rules('/v1/other')) });
    swift.identities.set('narrow service', {
      ...identity('services', 'u7', ['service']),
      ...delegated('b', rules('/v1/other')),
    });
    expect(await statusOf('GET', '/SERVICE_p1/c', 'narrow')).toBe(401);
    expect(await statusOf('GET', '/SERVICE_p1/c', 'narrow', 'cinder')).toBe(200);
    expect(await statusOf('GET', '/SERVICE_p1/c', 'member', 'narrow service')).toBe(401);
  });
});

describe('without such accounts', () => {
  it('no service token is looked at, and its prefix is nobody', async () => {
    const swift = await FakeSwift.start();
    const get = (account: string) =>
      fetch(`${swift.url}/v1/${account}`, { headers: { 'x-auth-token': 'member', 'x-service-token': 'refused' } });
    expect((await get('AUTH_p1')).status).toBe(204);
    expect((await get('SERVICE_p1')).status).toBe(403);
    await swift.stop();
  });
});
