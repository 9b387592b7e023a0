import type { Identity } from '../../auth/guard/contract.ts';
import { hasRole } from '../../auth/guard/scope.ts';
import { refusal } from '../errors.ts';
import type { ProxyRequest } from '../message.ts';
import { type Acl, grantsAny, isReferrerAllowed, parseAcl } from './acl.ts';

/** What a caller may do with what a request is about. */
export interface Grant {
  allowed: boolean;
  /** Of the account: sees and sets ACLs and keys. */
  owner: boolean;
}

export interface AccessRules {
  operatorRoles: readonly string[];
  readerRoles: readonly string[];
  resellerAdminRole: string;
  /**
   * Id of the domain that an account's project is in, where the account says so; names in ACLs mean something only in the
   * default domain.
   */
  accountDomainOf(account: string): Promise<string | undefined>;
}

export interface AccessControl {
  /** @param acl of the container, for the kind of access; undefined where it has none, or none applies. */
  decide(request: ProxyRequest, acl?: string): Promise<Grant>;
}

/** An account is this and the id of its project. */
export const ACCOUNT_PREFIX = 'AUTH_';
export const DEFAULT_DOMAIN_ID = 'default';
/** On accounts: the domain of the project, noted when the account is made. */
export const PROJECT_DOMAIN_HEADER = 'x-account-sysmeta-project-domain-id';

const DENIED: Grant = { allowed: false, owner: false };
const ALLOWED: Grant = { allowed: true, owner: false };
const OWNER: Grant = { allowed: true, owner: true };

/**
 * Decides by the roles of a Keystone token and by the container's ACL.
 *
 * Spec: Swift, "The Auth System": KeystoneAuth; the order of its checks.
 */
export function createAccessControl(rules: AccessRules): AccessControl {
  return {
    async decide(request, aclText) {
      if (request.method === 'OPTIONS') return ALLOWED;
      const { caller } = request.context;
      const acl = parseAcl(aclText);
      if (!caller) return anonymous(request, acl);
      if (hasRole(caller, rules.resellerAdminRole)) return OWNER;
      const { account, container } = request.path;
      // Nobody deletes the account under their own feet.
      if (container === undefined && request.method === 'DELETE') return DENIED;
      if (acl.grants.size > 0 && (await isNamed(rules, request, caller, acl))) return ALLOWED;
      const byReferrer = referrerVerdict(request, acl);
      if (byReferrer === true) return ALLOWED;
      if (account !== accountOf(caller)) return DENIED;
      if (rules.operatorRoles.some((role) => hasRole(caller, role))) return OWNER;
      const isReading = request.method === 'GET' || request.method === 'HEAD';
      if (isReading && rules.readerRoles.some((role) => hasRole(caller, role))) return ALLOWED;
      if (byReferrer === false) return DENIED;
      const grants = [...acl.grants].map((grant) => grant.toLowerCase());
      return caller.roles.some((role) => grants.includes(role.name.toLowerCase())) ? ALLOWED : DENIED;
    },
  };
}

/** 403 for who is known, 401 for who is not. */
export function denial(request: ProxyRequest): Error {
  if (request.context.caller) return refusal(403);
  return refusal(401, { headers: { 'www-authenticate': `Swift realm="${encodeURIComponent(request.path.account)}"` } });
}

function accountOf(caller: Identity): string | undefined {
  return caller.scope.kind === 'project' ? ACCOUNT_PREFIX + caller.scope.project.id : undefined;
}

function anonymous(request: ProxyRequest, acl: Acl): Grant {
  if (!request.path.account.startsWith(ACCOUNT_PREFIX)) return DENIED;
  return referrerVerdict(request, acl) ? ALLOWED : DENIED;
}

/** Undefined where no referrer rule applies; a listing needs `.rlistings` beside it. */
function referrerVerdict(request: ProxyRequest, acl: Acl): boolean | undefined {
  if (!isReferrerAllowed(acl, request.headers['referer'])) return undefined;
  return request.path.object !== undefined || acl.grants.has('.rlistings');
}

async function isNamed(rules: AccessRules, request: ProxyRequest, caller: Identity, acl: Acl): Promise<boolean> {
  const project = caller.scope.kind === 'project' ? caller.scope.project : undefined;
  const projects = project ? [project.id, '*'] : ['*'];
  const users = [caller.user.id, '*'];
  if (grantsAny(acl, projects, users)) return true;
  if (caller.user.domain.id !== DEFAULT_DOMAIN_ID || project?.domain.id !== DEFAULT_DOMAIN_ID) return false;
  if (!grantsAny(acl, [...projects, project.name], [...users, caller.user.name])) return false;
  const { account } = request.path;
  if (account === accountOf(caller)) return true;
  return ((await rules.accountDomainOf(account)) ?? DEFAULT_DOMAIN_ID) === DEFAULT_DOMAIN_ID;
}
