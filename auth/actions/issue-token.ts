import { randomBytes } from 'node:crypto';
import type { AuthContext } from '../context.ts';
import type { ProjectRecord, UserRecord } from '../store/records.ts';
import { encodeFernet } from '../tokens/fernet.ts';
import { type AuthMethod, encodePayload, type TokenPayload } from '../tokens/payload.ts';
import { effectiveRoles } from './effective-roles.ts';
import { containersOf, payloadScopeOf, type RequestedScope, resolveScope, targetOfScope } from './resolve-scope.ts';
import type { ScopeState, TokenState } from './token-state.ts';

/** Who has proved to be somebody, and how. */
export interface Authenticated {
  user: UserRecord;
  userDomain: ProjectRecord;
  methods: readonly AuthMethod[];
  /** When the check *began*: a password changed while it ran refuses the token that comes of it. */
  sinceMs: number;
  /** The token that was one of the proofs: the new one ends when it ends, and belongs to its chain. */
  parent?: TokenPayload;
}

export interface IssuedToken {
  token: string;
  state: TokenState;
}

/**
 * Makes a token for a scope.
 *
 * @param requested undefined for the user's default project, or no scope where there is none to use.
 * @returns undefined when the scope is missing, disabled, or the user has no role on it.
 */
export async function issueToken(
  context: AuthContext,
  authenticated: Authenticated,
  requested: RequestedScope | undefined,
): Promise<IssuedToken | undefined> {
  const { user, userDomain, parent } = authenticated;
  const granted = requested
    ? await grantScope(context, user, requested)
    : ((await grantDefaultScope(context, user)) ?? { scope: { kind: 'unscoped' as const }, roles: [] });
  if (!granted) return undefined;
  const issuedAtMs = authenticated.sinceMs;
  const auditId = randomBytes(16).toString('base64url');
  const chainId = parent?.auditIds.at(-1);
  const payload: TokenPayload = {
    methods: authenticated.methods,
    userId: user.id,
    scope: payloadScopeOf(granted.scope),
    issuedAtMs,
    expiresAtMs: parent?.expiresAtMs ?? issuedAtMs + context.config.token_ttl_s * 1000,
    auditIds: chainId === undefined ? [auditId] : [auditId, chainId],
  };
  const token = encodeFernet(encodePayload(payload), context.fernetKeys.keys.primary, { issuedAtS: issuedAtMs / 1000 });
  return { token, state: { payload, user, userDomain, ...granted } };
}

type Granted = Pick<TokenState, 'scope' | 'roles'>;

async function grantScope(
  context: AuthContext,
  user: UserRecord,
  requested: RequestedScope,
): Promise<Granted | undefined> {
  const scope: ScopeState | undefined = await resolveScope(context, requested);
  if (!scope || containersOf(scope).some(({ enabled }) => !enabled)) return undefined;
  const target = targetOfScope(scope);
  if (!target) return { scope, roles: [] };
  const roles = await effectiveRoles(context.tables, user.id, target.kind, target.id);
  return roles.length === 0 ? undefined : { scope, roles };
}

async function grantDefaultScope(context: AuthContext, user: UserRecord): Promise<Granted | undefined> {
  if (user.defaultProjectId === null) return undefined;
  return grantScope(context, user, { kind: 'project', project: { id: user.defaultProjectId } });
}
