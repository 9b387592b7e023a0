import { hash } from 'node:crypto';
import { RecentMap } from '../../common/recent-map.ts';
import type { AuthContext } from '../context.ts';
import { MOST_TOKEN_STATES } from '../limits.ts';
import type { ProjectRecord, RoleRecord, UserRecord } from '../store/records.ts';
import { decodePayload, type TokenPayload } from '../tokens/payload.ts';
import { delegatedRoles, type LiveDelegation, resolveDelegation } from './delegation.ts';
import { effectiveRoles } from './effective-roles.ts';
import { containersOf, requestOfPayloadScope, resolveScope, targetOfScope } from './resolve-scope.ts';
import type { ScopeState, TokenState } from './token-state.ts';
import { inactiveFromMs } from './user-activity.ts';

export interface ResolveOptions {
  /** Also accept a token that ended less than the configured window ago: for services that finish what it began. */
  allowExpired?: boolean;
}

/**
 * What a token stands for now, or undefined when it does not hold: not ours, ended, revoked, its user, project or domain gone,
 * disabled or changed since, or no role left on its scope. Remembered until something changes that might make it untrue.
 */
export async function resolveToken(
  context: AuthContext,
  token: string,
  options: ResolveOptions = {},
): Promise<TokenState | undefined> {
  if (options.allowExpired) return resolveNow(context, token, options);
  const { epoch, clock } = context;
  const tokenStates = memoryOf(context);
  const key = hash('sha256', token, 'base64');
  // Read before anything else is: what changes while the token is resolved makes the result one for an epoch that is over.
  const now = epoch.current();
  const known = tokenStates.get(key);
  if (known?.epoch === now) return clock.nowMs() < known.state.untilMs ? known.state : undefined;
  const state = await resolveNow(context, token, options);
  if (state) tokenStates.set(key, { epoch: now, state });
  return state;
}

/** What tokens stood for at an epoch, by their SHA-256. */
type StateMemory = RecentMap<{ epoch: number; state: TokenState }>;

const memories = new WeakMap<AuthContext, StateMemory>();

function memoryOf(context: AuthContext): StateMemory {
  const memory = memories.get(context) ?? new RecentMap(MOST_TOKEN_STATES);
  memories.set(context, memory);
  return memory;
}

async function resolveNow(
  context: AuthContext,
  token: string,
  options: ResolveOptions,
): Promise<TokenState | undefined> {
  const payload = await readPayload(context, token);
  if (!payload) return undefined;
  const graceMs = options.allowExpired ? context.config.allow_expired_window_s * 1000 : 0;
  if (context.clock.nowMs() >= payload.expiresAtMs + graceMs) return undefined;
  if (await isRevoked(context, payload)) return undefined;
  return stateOf(context, payload);
}

/** What a payload's ids stand for now, if it holds; its end and its revocation are looked at by `resolveToken`. */
export async function stateOf(context: AuthContext, payload: TokenPayload): Promise<TokenState | undefined> {
  const { tables } = context;
  const user = (await tables.users.get(payload.userId))?.record;
  const userDomain = user && (await tables.projects.get(user.domainId))?.record;
  const scope = await resolveScope(context, requestOfPayloadScope(payload.scope));
  if (!user || !userDomain || !scope) return undefined;
  const delegation = payload.delegation && (await resolveDelegation(context, payload.delegation));
  if (payload.delegation && !delegation) return undefined;
  const delegators = delegation && (await delegatorsOf(context, delegation, payload));
  if (delegation && !delegators) return undefined;
  const users = [user, ...(delegators?.users ?? [])];
  const subjects = [...users, userDomain, ...containersOf(scope), ...(delegators?.domains ?? [])];
  if (subjects.some((subject) => !subject.enabled || payload.issuedAtMs <= subject.tokensNotBeforeMs)) return undefined;
  const activeUntilMs = Math.min(...users.map((each) => inactiveFromMs(context, each)));
  if (context.clock.nowMs() >= activeUntilMs) return undefined;
  const untilMs = Math.min(payload.expiresAtMs, activeUntilMs);
  const roles = await rolesOf(context, user.id, scope, delegation);
  return roles && { payload, untilMs, user, userDomain, scope, roles, ...(delegation ? { delegation } : {}) };
}

/**
 * Roles on a scope: the user's own, or those that a delegation carries.
 *
 * @returns undefined where there are none, or the scope is not the delegation's.
 */
export async function rolesOf(
  context: AuthContext,
  userId: string,
  scope: ScopeState,
  delegation: LiveDelegation | undefined,
): Promise<RoleRecord[] | undefined> {
  const target = targetOfScope(scope);
  if (delegation && (target?.kind !== 'project' || target.id !== delegation.projectId)) return undefined;
  if (!target) return [];
  const roles = delegation
    ? await delegatedRoles(context, delegation)
    : await effectiveRoles(context, userId, target.kind, target.id);
  return roles.length === 0 ? undefined : roles;
}

/** The users that a delegation depends on, with their domains; undefined where one is gone or the token names another user. */
async function delegatorsOf(
  { tables }: AuthContext,
  delegation: LiveDelegation,
  { userId }: TokenPayload,
): Promise<{ users: UserRecord[]; domains: ProjectRecord[] } | undefined> {
  if (delegation.userId !== userId) return undefined;
  const users: UserRecord[] = [];
  const domains: ProjectRecord[] = [];
  for (const id of delegation.userIds) {
    const user = (await tables.users.get(id))?.record;
    const domain = user && (await tables.projects.get(user.domainId))?.record;
    if (!user || !domain) return undefined;
    users.push(user);
    domains.push(domain);
  }
  return { users, domains };
}

async function readPayload({ fernetKeys }: AuthContext, token: string): Promise<TokenPayload | undefined> {
  const bytes = await fernetKeys.decrypt(token);
  return bytes && decodePayload(bytes);
}

async function isRevoked({ tables }: AuthContext, { auditIds }: TokenPayload): Promise<boolean> {
  const chain = auditIds.at(-1);
  const found = await Promise.all([
    tables.revocations.get(`token:${auditIds[0]}`),
    tables.revocations.get(`chain:${chain}`),
  ]);
  return found.some((revocation) => revocation !== undefined);
}
