import type { AuthContext } from '../context.ts';
import type { TokenBody } from '../contract.ts';
import type { Identity, NamedInDomain, Scope } from '../guard/contract.ts';
import type { PasswordRules } from '../passwords/rules.ts';
import type { ProjectRecord, RoleRecord, UserRecord } from '../store/records.ts';
import { isoMicroseconds, naiveMicroseconds } from '../times.ts';
import type { TokenPayload } from '../tokens/payload.ts';
import { describeDelegation, type LiveDelegation } from './delegation.ts';

/** A domain, project or nothing that a token is for, as it is stored now. */
export type ScopeState =
  | { kind: 'unscoped' }
  | { kind: 'system' }
  | { kind: 'project'; project: ProjectRecord; domain: ProjectRecord }
  | { kind: 'domain'; domain: ProjectRecord };

/** What a token's ids stand for at this moment. */
export interface TokenState {
  payload: TokenPayload;
  /** When it ends, or one of the users that it depends on counts as inactive: milliseconds since the epoch. */
  untilMs: number;
  user: UserRecord;
  userDomain: ProjectRecord;
  scope: ScopeState;
  /** On the scope, implied ones included. */
  roles: readonly RoleRecord[];
  /** What the token was made from, where it was delegated. */
  delegation?: LiveDelegation;
}

export function identityOfState({
  payload,
  untilMs,
  user,
  userDomain,
  scope,
  roles,
  delegation,
}: TokenState): Identity {
  return {
    user: namedInDomain(user, userDomain),
    scope: scopeOfState(scope),
    roles: roles.map(({ id, name }) => ({ id, name })),
    expiresAtMs: untilMs,
    auditIds: payload.auditIds,
    ...(delegation ? { delegation: describeDelegation(delegation) } : {}),
  };
}

function scopeOfState(scope: ScopeState): Scope {
  switch (scope.kind) {
    case 'project':
      return { kind: 'project', project: namedInDomain(scope.project, scope.domain) };
    case 'domain':
      return { kind: 'domain', domain: named(scope.domain) };
    default:
      return { kind: scope.kind };
  }
}

/** The `token` object, without its catalog. Spec: Identity API v3, "Authentication and token management". */
export function tokenBodyOf({ passwordRules }: AuthContext, state: TokenState): TokenBody {
  const { payload, user, userDomain, scope, roles } = state;
  const body: TokenBody = {
    methods: [...payload.methods],
    user: { ...namedInDomain(user, userDomain), password_expires_at: expiryOf(passwordRules, user) },
    audit_ids: [...payload.auditIds],
    issued_at: isoMicroseconds(payload.issuedAtMs),
    expires_at: isoMicroseconds(payload.expiresAtMs),
  };
  Object.assign(body, delegationBodyOf(state.delegation));
  if (scope.kind === 'unscoped') return body;
  body.roles = roles.map(({ id, name }) => ({ id, name }));
  if (scope.kind === 'system') body.system = { all: true };
  if (scope.kind === 'domain') body.domain = named(scope.domain);
  if (scope.kind === 'project') {
    body.is_domain = scope.project.isDomain;
    body.project = namedInDomain(scope.project, scope.domain);
  }
  return body;
}

/** When a user's password ends, as the API shows it. */
export function expiryOf(rules: PasswordRules, user: UserRecord): string | null {
  const endMs = rules.expiresAtMs(user);
  return endMs === null ? null : naiveMicroseconds(endMs);
}

/** How a token's body tells what it was made from. An EC2 key shows in its methods only. */
function delegationBodyOf(delegation: LiveDelegation | undefined): Partial<TokenBody> {
  if (delegation?.kind === 'trust') {
    const { id, impersonation, trustorId, trusteeId } = delegation.record;
    const users = { trustor_user: { id: trustorId }, trustee_user: { id: trusteeId } };
    return { 'OS-TRUST:trust': { id, impersonation, ...users } };
  }
  if (delegation?.kind !== 'application_credential') return {};
  const { id, name, unrestricted } = delegation.record;
  const rules = delegation.accessRules?.map(({ id: ruleId, service, method, path }) => ({
    id: ruleId,
    service,
    method,
    path,
  }));
  return {
    application_credential: { id, name, restricted: !unrestricted, ...(rules ? { access_rules: rules } : {}) },
  };
}

function named({ id, name }: { id: string; name: string }): { id: string; name: string } {
  return { id, name };
}

function namedInDomain(record: { id: string; name: string }, domain: ProjectRecord): NamedInDomain {
  return { id: record.id, name: record.name, domain: named(domain) };
}
