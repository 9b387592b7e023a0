import { describe, expect, it } from 'vitest';
import type { AccessRule, Delegation } from '../../../auth/guard/contract.ts';
import { assertMayDelegate, delegationAllows } from '../../../auth/guard/delegation.ts';
import { identityOf } from '../../support/auth/identity.ts';

const withRules = (...accessRules: AccessRule[]) =>
  identityOf({ delegation: { kind: 'application_credential', id: 'a', unrestricted: false, accessRules } });
const get = (path: string, serviceType = 'image') => ({ serviceType, method: 'GET', path });

describe('what a delegated token may be used for', () => {
  it('is everything without access rules, and nothing by an empty list of them', () => {
    expect(delegationAllows(identityOf(), get('/x'))).toBe(true);
    const plain = identityOf({ delegation: { kind: 'trust', id: 't', unrestricted: false } });
    expect(delegationAllows(plain, get('/x'))).toBe(true);
    expect(delegationAllows(withRules(), get('/x'))).toBe(false);
  });

  it.each([
    ['/v2/images', '/v2/images', true],
    ['/v2/images', '/v2/images/', true],
    ['/v2/images', '/v2/images/1', false],
    ['/v2/images/*', '/v2/images/1', true],
    ['/v2/images/*', '/v2/images/1/file', false],
    ['/v2/images/{id}/file', '/v2/images/1/file', true],
    ['/v2/images/{id}/file', '/v2/images//file', false],
    ['/v2/**', '/v2/images/1/file', true],
    ['/v2/**', '/v2/../v3', false],
    ['/v2/**', '/v2/%2e%2e/v3', false],
    ['/v2/**', '/v2/a%2Fb', false],
    ['/v2/a.c', '/v2/abc', false],
    ['/v2/(a|b)', '/v2/(a|b)', true],
    ['/v2/(a|b)', '/v2/a', false],
  ])('by a rule for %s of %s is %s', (path, asked, allowed) => {
    expect(delegationAllows(withRules({ service: 'image', method: 'GET', path }), get(asked))).toBe(allowed);
  });

  it('looks at the method and at the service, under any of its names', () => {
    const identity = withRules({ service: 'volumev3', method: 'GET', path: '/v3/volumes' });
    expect(delegationAllows(identity, get('/v3/volumes', 'block-storage'))).toBe(true);
    expect(delegationAllows(identity, { ...get('/v3/volumes', 'block-storage'), method: 'POST' })).toBe(false);
    expect(delegationAllows(identity, get('/v3/volumes'))).toBe(false);
    expect(delegationAllows(identity, { ...get('/v3/volumes'), serviceType: undefined })).toBe(false);
  });

  it('is what another service already asked about, where that passes the request on', () => {
    const request = get('/x');
    const service = identityOf({ roleNames: ['service'] });
    expect(delegationAllows(withRules(), { ...request, serviceIdentity: service })).toBe(true);
    expect(delegationAllows(withRules(), { ...request, serviceIdentity: identityOf() })).toBe(false);
  });

  it('is object storage only, for one from an EC2 key', () => {
    const identity = identityOf({ delegation: { kind: 'ec2', id: 'e', unrestricted: false } });
    expect(delegationAllows(identity, get('/v1/AUTH_p1', 'object-store'))).toBe(true);
    for (const type of ['identity', 'image', 'compute']) expect(delegationAllows(identity, get('/', type))).toBe(false);
  });
});

it('only an unrestricted application credential without access rules delegates further', () => {
  const may = (delegation?: Delegation) => () =>
    assertMayDelegate(identityOf(delegation ? { delegation } : {}), 'trusts');
  expect(may()).not.toThrow();
  expect(may({ kind: 'application_credential', id: 'a', unrestricted: true })).not.toThrow();
  expect(may({ kind: 'application_credential', id: 'a', unrestricted: true, accessRules: [] })).toThrow('delegated');
  expect(may({ kind: 'trust', id: 't', unrestricted: false })).toThrow('delegated');
});
