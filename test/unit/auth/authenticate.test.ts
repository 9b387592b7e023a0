import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { requireToken } from '../../../auth/guard/authenticate.ts';
import { hasRole, projectIdOf } from '../../../auth/guard/scope.ts';
import { createApp } from '../../../common/http/app.ts';
import { renderFault } from '../../../openstack/faults.ts';
import { newRequestId } from '../../../openstack/request-id.ts';
import { identityOf } from '../../support/auth/identity.ts';

const service = identityOf({ roleNames: ['service'] });

function guardedApp() {
  const app = createApp({
    logger: pino({ level: 'silent' }),
    renderError: renderFault,
    newRequestId,
    requestIdHeaders: ['x-openstack-request-id'],
    mostBodyBytes: 1024,
  });
  requireToken(app, {
    wwwAuthenticate: 'Keystone uri="http://id.example"',
    isPublic: (path, method) => ['/', '/careless'].includes(path) && method === 'GET',
    verifier: {
      verify: async (token) => {
        if (token === 'unreachable') throw new Error('connect ECONNREFUSED');
        if (token === 'service') return service;
        return token === 'good' ? identityOf() : undefined;
      },
    },
  });
  app.get('/', async () => 'welcome');
  app.get('/careless', async (request) => request.identity.user);
  app.get('/me', async (request) => ({
    user: request.identity.user.id,
    service: request.serviceIdentity?.roles.map(({ name }) => name),
    headers: Object.keys(request.headers).sort(),
  }));
  return app;
}

describe('requireToken', () => {
  it('lets a public path through without a token', async () => {
    expect((await guardedApp().inject('/')).body).toBe('welcome');
    expect((await guardedApp().inject('/?x=1')).statusCode).toBe(200);
  });

  it.each([
    {},
    { 'x-auth-token': '' },
    { 'x-auth-token': 'bad' },
    { 'x-auth-token': 'good', 'x-service-token': 'bad' },
  ])('answers 401 and where to log in to %j', async (headers) => {
    const answer = await guardedApp().inject({ url: '/me', headers: headers as Record<string, string> });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Keystone uri="http://id.example"');
  });

  it('answers 503, not 401, when identity cannot be asked', async () => {
    const answer = await guardedApp().inject({ url: '/me', headers: { 'x-auth-token': 'unreachable' } });
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain('ECONNREFUSED');
  });

  it('tells who calls and through which service', async () => {
    const headers = { 'x-auth-token': 'good', 'x-service-token': 'service' };
    expect((await guardedApp().inject({ url: '/me', headers })).json()).toMatchObject({
      user: 'u1',
      service: ['service'],
    });
    expect((await guardedApp().inject({ url: '/me', headers: { 'x-storage-token': 'good' } })).statusCode).toBe(200);
  });

  it('strips headers in which a client pretends to be somebody (CVE-2026-22797)', async () => {
    const pretended = {
      'x-user-id': 'root',
      'x-roles': 'admin',
      'x-project-id': 'p2',
      'x-identity-status': 'Confirmed',
    };
    const answer = await guardedApp().inject({
      url: '/me',
      headers: { 'x-auth-token': 'good', 'x-auth-user': 'a:b', ...pretended },
    });
    const { headers } = answer.json() as { headers: string[] };
    expect(headers).toContain('x-auth-user');
    for (const name of Object.keys(pretended)) expect(headers).not.toContain(name);
  });
});

describe('scope helpers', () => {
  it('gives the project of a project token and refuses any other', () => {
    expect(projectIdOf(identityOf())).toBe('p1');
    expect(() => projectIdOf(identityOf({ scope: { kind: 'unscoped' } }))).toThrow(
      expect.objectContaining({ status: 403 }),
    );
  });

  it('compares role names without regard to case', () => {
    expect(hasRole(identityOf({ roleNames: ['ResellerAdmin'] }), 'reselleradmin')).toBe(true);
    expect(hasRole(undefined, 'admin')).toBe(false);
  });
});
