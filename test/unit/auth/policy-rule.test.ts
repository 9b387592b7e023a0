import { describe, expect, it } from 'vitest';
import type { PolicyTarget } from '../../../auth/guard/contract.ts';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { PolicyRuleError, parsePolicyRule } from '../../../auth/guard/policy-rule.ts';
import { StartError } from '../../../common/errors.ts';
import { identityOf } from '../../support/auth/identity.ts';

const member = identityOf();
const unscoped = identityOf({ scope: { kind: 'unscoped' }, roleNames: [] });
const system = identityOf({ scope: { kind: 'system' }, roleNames: ['reader'] });
const inDomain = identityOf({ scope: { kind: 'domain', domain: { id: 'd1', name: 'd' } }, roleNames: ['manager'] });

function allows(rule: string, target: PolicyTarget = {}, identity = member): boolean {
  return createPolicy({ rule }).allows('rule', identity, target);
}

describe('the policy language', () => {
  it.each([
    ['', true],
    ['@', true],
    ['!', false],
    ['role:member', true],
    ['role:MEMBER', true],
    ['role:admin', false],
    ['not role:admin', true],
    ['role:admin or role:member', true],
    ['role:admin and role:member', false],
    ['role:member or role:admin and role:admin', true],
    ['(role:member or role:admin) and role:admin', false],
    ['not (role:member and role:admin)', true],
    ['not role:member or role:member', true],
    ['user_id:u1', true],
    ['user_id:u2', false],
    ['system_scope:all', false],
    ["'a b':%(text)s", true],
    ['True:%(flag)s', true],
    ['False:%(flag)s', false],
    ['7:%(number)s', true],
    ['token.user.id:u1 and token.user.domain.id:default', true],
    ['token.project.id:p1 and token.project.domain.id:%(project_domain)s', true],
    ['token.domain.id:%(project_domain)s', false],
    ['user:u1 and tenant:p1', true],
    ['is_admin:True', false],
    ['is_admin:False and is_admin_project:True', true],
  ])('"%s" is %s for a member of p1', (rule, expected) => {
    expect(allows(rule, { text: 'a b', flag: 'True', number: '7', project_domain: 'default' })).toBe(expected);
  });

  it('fills in the stored record with and without the word target', () => {
    expect(allows('project_id:%(project_id)s', { project_id: 'p1' })).toBe(true);
    expect(allows('project_id:%(target.project_id)s', { project_id: 'p1' })).toBe(true);
    expect(allows('project_id:%(project_id)s', { project_id: 'p2' })).toBe(false);
    expect(allows('(user_id:%(user_id)s and role:member)', { user_id: 'u1' })).toBe(true);
    expect(allows('role:%(wanted)s', { wanted: 'member' })).toBe(true);
  });

  it('null equals nothing, not even another null', () => {
    expect(allows('domain_id:%(domain_id)s', { domain_id: null })).toBe(false);
    expect(allows('domain_id:%(domain_id)s', {}, unscoped)).toBe(false);
    expect(allows('project_id:%(project_id)s', { project_id: undefined }, unscoped)).toBe(false);
    expect(allows("'':%(nothing)s")).toBe(false);
    expect(allows('unknown_attribute:%(x)s', { x: 'undefined' })).toBe(false);
  });

  it('the literal None asks whether the record holds null, and a missing value is no null', () => {
    expect(allows('None:%(domain_id)s', { domain_id: null })).toBe(true);
    expect(allows('None:%(domain_id)s', { domain_id: 'd1' })).toBe(false);
    expect(allows('None:%(domain_id)s')).toBe(false);
  });

  it('reads no inherited property of the target', () => {
    expect(allows('user_id:%(constructor)s')).toBe(false);
    expect(allows('None:%(__proto__)s')).toBe(false);
  });

  it('knows the scopes', () => {
    expect(allows('system_scope:all', {}, system)).toBe(true);
    expect(allows('domain_id:%(domain_id)s', { domain_id: 'd1' }, inDomain)).toBe(true);
    expect(allows('project_id:p1', {}, inDomain)).toBe(false);
  });

  it.each([
    'role',
    'role:',
    'and',
    'role:a and',
    'role:a role:b',
    '(role:a',
    'role:a)',
    'not',
    "'open:%(x)s",
    'user_id:%x',
  ])('refuses the text "%s"', (text) => {
    expect(() => parsePolicyRule(text)).toThrow(PolicyRuleError);
  });

  it('refuses a rule that asks another machine', () => {
    expect(() => parsePolicyRule('http://example.org/check')).toThrow('http checks are not supported');
  });

  it('refuses a rule that nests too deep instead of overflowing the stack', () => {
    expect(() => parsePolicyRule(`${'('.repeat(4000)}@${')'.repeat(4000)}`)).toThrow(/levels of nesting/);
    expect(() => parsePolicyRule('x'.repeat(9000))).toThrow(/characters/);
  });
});

describe('createPolicy', () => {
  it('follows references and lets the operator replace a rule', () => {
    const defaults = { owner: 'project_id:%(project_id)s', 'thing:get': 'rule:owner' };
    const target = { project_id: 'p2' };
    expect(createPolicy(defaults).allows('thing:get', member, target)).toBe(false);
    expect(createPolicy(defaults, { owner: '@' }).allows('thing:get', member, target)).toBe(true);
  });

  it('answers 403 with the name of the action', () => {
    const policy = createPolicy({ 'thing:delete': 'role:admin' });
    expect(() => policy.authorize('thing:delete', member)).toThrow(
      expect.objectContaining({ status: 403, message: "Policy doesn't allow thing:delete to be performed." }),
    );
  });

  it('takes an action that has no rule for a bug', () => {
    expect(() => createPolicy({}).allows('thing:get', member)).toThrow(/no policy rule/);
  });

  it.each([
    [{ a: 'rule:b' }, /"b", which does not exist/],
    [{ a: 'rule:b', b: 'rule:a' }, /refers to itself/],
    [{ a: 'role:' }, /policy rule "a"/],
  ])('refuses to start with %j', (defaults, message) => {
    expect(() => createPolicy(defaults as Record<string, string>)).toThrow(message);
    expect(() => createPolicy(defaults as Record<string, string>)).toThrow(StartError);
  });
});
