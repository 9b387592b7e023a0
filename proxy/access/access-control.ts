import type { Identity } from '../../auth/guard/contract.ts';
import { hasRole } from '../../auth/guard/scope.ts';
import type { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import type { ProxyRequest, ResourcePath } from '../message.ts';
import { type Acl, grantsAny, isReferrerAllowed, NO_ACL } from './acl.ts';
import { isGranted } from './signed-grant.ts';

/** What a caller may do with what a request is about. */
export interface Grant {
  allowed: boolean;
  /** Of the account: sees and sets ACLs and keys. */
  owner: boolean;
}

/** Accounts whose names begin alike: each project has one of them. */
export interface Reseller {
  /** With the underscore: an account is this and the id of its project. */
  prefix: string;
  operatorRoles: readonly string[];
  readerRoles: readonly string[];
  /** Operators count only beside a service token with one of these roles; none: without one, too. */
  serviceRoles: readonly string[];
}

export interface AccessRules {
  /** One prefix is the beginning of no other. */
  resellers: readonly Reseller[];
  resellerAdminRole: string;
  /**
   * Id of the domain that an account's project is in, where the account says so; names in ACLs mean something only in the
   * default domain.
   */
  accountDomainOf(account: string): Promise<string | undefined>;
}

/** Who wants to do what: as much of a request as access depends on. */
interface AccessQuestion {
  readonly method: string;
  readonly path: ResourcePath;
  readonly caller: Identity | undefined;
  /** The service that asks on behalf of the caller. */
  readonly serviceCaller?: Identity | undefined;
  readonly referer: string | undefined;
}

export interface AccessControl {
  /** @param acl of the container, for the kind of access; undefined where it has none, or none applies. */
  decide(request: ProxyRequest, acl?: Acl): Promise<Grant>;
  /** The same without waiting. @returns undefined where it takes a look at the account: `decide` does that. */
  decideNow(question: AccessQuestion, acl: Acl): Grant | undefined;
  /** Whether the caller may do everything in every account. */
  isReseller(caller: Identity | undefined): boolean;
  /** Whether an account belongs to the project that the caller's token is for. */
  isOwnAccount(account: string, caller: Identity | undefined): boolean;
}

/** Of this API in the catalog: what access rules of delegated tokens call it. */
export const SERVICE_TYPE = 'object-store';
/** The accounts that clients have unless they ask for others: this and the id of their project. */
export const ACCOUNT_PREFIX = 'AUTH_';
export const DEFAULT_DOMAIN_ID = 'default';
/** On accounts: the domain of the project, noted when the account is made. */
export const PROJECT_DOMAIN_HEADER = 'x-account-sysmeta-project-domain-id';

const DENIED: Grant = { allowed: false, owner: false };
const ALLOWED: Grant = { allowed: true, owner: false };
const OWNER: Grant = { allowed: true, owner: true };

/** What an identity's scope and roles say, whatever it is that is asked for. */
interface Standing {
  isReseller: boolean;
  /** Of the project that the token is for; one for each reseller. */
  accounts: readonly AccountStanding[];
}

interface AccountStanding {
  /** Undefined: the token is for no project. */
  account: string | undefined;
  isOperator: boolean;
  isReader: boolean;
}

/**
 * Decides by the roles of a Keystone token and by the container's ACL.
 *
 * Spec: Swift, "The Auth System": KeystoneAuth; the order of its checks.
 */
export function createAccessControl(rules: AccessRules): AccessControl {
  // A verifier that remembers tokens gives the same identity for the same token: its roles are looked at once.
  const standings = new WeakMap<Identity, Standing>();

  function standingOf(caller: Identity): Standing {
    const known = standings.get(caller);
    if (known) return known;
    const hasOneOf = (roles: readonly string[]) => roles.some((role) => hasRole(caller, role));
    const standing = {
      isReseller: hasRole(caller, rules.resellerAdminRole),
      accounts: rules.resellers.map(({ prefix, operatorRoles, readerRoles }) => ({
        account: caller.scope.kind === 'project' ? prefix + caller.scope.project.id : undefined,
        isOperator: hasOneOf(operatorRoles),
        isReader: hasOneOf(readerRoles),
      })),
    };
    standings.set(caller, standing);
    return standing;
  }

  /** -1 for accounts that are nobody's. */
  function resellerOf(account: string): number {
    return rules.resellers.findIndex(({ prefix }) => account.startsWith(prefix));
  }

  function hasServiceRole(reseller: Reseller | undefined, serviceCaller: Identity | undefined): boolean {
    const { serviceRoles } = reseller ?? { serviceRoles: [] };
    return serviceRoles.length === 0 || serviceRoles.some((role) => hasRole(serviceCaller, role));
  }

  /** @param accountDomain that the names of an ACL are compared in; null where it is not known yet. An own account's is the caller's. */
  function judge(question: AccessQuestion, acl: Acl, accountDomain: string | null): Grant | undefined {
    const { method, path, caller } = question;
    if (method === 'OPTIONS') return ALLOWED;
    const index = resellerOf(path.account);
    if (!caller) return index >= 0 && referrerVerdict(question, acl) ? ALLOWED : DENIED;
    const standing = standingOf(caller);
    if (standing.isReseller) return OWNER;
    // Nobody deletes the account under their own feet.
    if (path.container === undefined && method === 'DELETE') return DENIED;
    const own = standing.accounts[index];
    const isOwn = own?.account === path.account;
    if (acl.grants.size > 0) {
      const named = isNamed(caller, acl, isOwn ? DEFAULT_DOMAIN_ID : accountDomain);
      if (named === undefined) return undefined;
      if (named) return ALLOWED;
    }
    const byReferrer = referrerVerdict(question, acl);
    if (byReferrer === true) return ALLOWED;
    if (!isOwn) return DENIED;
    if (own.isOperator && hasServiceRole(rules.resellers[index], question.serviceCaller)) return OWNER;
    if (own.isReader && (method === 'GET' || method === 'HEAD')) return ALLOWED;
    if (byReferrer === false || acl.grants.size === 0) return DENIED;
    const grants = [...acl.grants].map((grant) => grant.toLowerCase());
    return caller.roles.some((role) => grants.includes(role.name.toLowerCase())) ? ALLOWED : DENIED;
  }

  return {
    isReseller: (caller) => caller !== undefined && standingOf(caller).isReseller,
    isOwnAccount: (account, caller) =>
      caller !== undefined && standingOf(caller).accounts.some((own) => own.account === account),
    decideNow: (question, acl) => judge(question, acl, null),
    async decide(request, acl = NO_ACL) {
      const { method, path, context, headers } = request;
      if (request.isOwn) return ALLOWED;
      if (context.signedGrant) return isGranted(context.signedGrant, request) ? ALLOWED : DENIED;
      const { caller, serviceCaller } = context;
      const question = { method, path, caller, serviceCaller, referer: headers['referer'] };
      const judged = judge(question, acl, null);
      if (judged) return judged;
      const domain = (await rules.accountDomainOf(path.account)) ?? DEFAULT_DOMAIN_ID;
      return judge(question, acl, domain) ?? DENIED;
    },
  };
}

/** 403 for who is known, 401 for who is not. */
export function denial({ context: { caller }, path }: ProxyRequest): ApiError {
  return denialOf(caller, path.account);
}

/** @param realm the account, where it is about one. */
export function denialOf(caller: Identity | undefined, realm: string): ApiError {
  if (caller) return refusal(403);
  return refusal(401, { headers: { 'www-authenticate': `Swift realm="${encodeURIComponent(realm)}"` } });
}

/** Undefined where no referrer rule applies; a listing needs `.rlistings` beside it. */
function referrerVerdict(question: AccessQuestion, acl: Acl): boolean | undefined {
  if (acl.referrers.length === 0 || !isReferrerAllowed(acl, question.referer)) return undefined;
  return question.path.object !== undefined || acl.grants.has('.rlistings');
}

/** @returns undefined where it depends on the account's domain, which is not known (null). */
function isNamed(caller: Identity, acl: Acl, accountDomain: string | null): boolean | undefined {
  const project = caller.scope.kind === 'project' ? caller.scope.project : undefined;
  const projects = project ? [project.id, '*'] : ['*'];
  const users = [caller.user.id, '*'];
  if (grantsAny(acl, projects, users)) return true;
  if (caller.user.domain.id !== DEFAULT_DOMAIN_ID || project?.domain.id !== DEFAULT_DOMAIN_ID) return false;
  if (!grantsAny(acl, [...projects, project.name], [...users, caller.user.name])) return false;
  return accountDomain === null ? undefined : accountDomain === DEFAULT_DOMAIN_ID;
}
