import { randomBytes } from 'node:crypto';
import type { AuthContext } from '../context.ts';
import type { ProjectRecord, UserRecord } from '../store/records.ts';
import { encodeFernet } from '../tokens/fernet.ts';
import type { AuthMethod } from '../tokens/packing.ts';
import { encodePayload, type TokenPayload } from '../tokens/payload.ts';
import type { LiveDelegation } from './delegation.ts';
import { containersOf, payloadScopeOf, type RequestedScope, resolveScope } from './resolve-scope.ts';
import { rolesOf, stateOf } from './resolve-token.ts';
import type { ScopeState, TokenState } from './token-state.ts';
import { consumeTrust } from './trust-use.ts';

/** Who has proved to be somebody, and how. */
export interface Authenticated {
  user: UserRecord;
  userDomain: ProjectRecord;
  methods: readonly AuthMethod[];
  /** When the check *began*: a password changed while it ran refuses the token that comes of it. */
  sinceMs: number;
  /** The token that was one of the proofs: the new one ends when it ends, and belongs to its chain. */
  parent?: TokenPayload;
  /** The application credential or EC2 key that was the proof: it decides the scope. */
  delegation?: LiveDelegation;
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
 * @throws ApiError 403 for a trust that the user cannot use.
 */
export async function issueToken(
  context: AuthContext,
  authenticated: Authenticated,
  requested: RequestedScope | undefined,
): Promise<IssuedToken | undefined> {
  const { delegation } = authenticated;
  if (delegation) return requested === undefined ? issueDelegated(context, authenticated, delegation) : undefined;
  if (requested?.kind === 'trust')
    return issueDelegated(
      context,
      authenticated,
      await consumeTrust(context, authenticated.user, requested.id, authenticated.sinceMs),
    );
  const { user, userDomain } = authenticated;
  const granted = requested
    ? await grantScope(context, user, requested)
    : ((await grantDefaultScope(context, user)) ?? { scope: { kind: 'unscoped' as const }, roles: [] });
  if (!granted) return undefined;
  const payload = payloadOf(context, authenticated, { userId: user.id, scope: payloadScopeOf(granted.scope) });
  return {
    token: encode(context, payload),
    state: { payload, untilMs: payload.expiresAtMs, user, userDomain, ...granted },
  };
}

/** What a delegation gives is what a token of it would be found to give. */
async function issueDelegated(
  context: AuthContext,
  authenticated: Authenticated,
  live: LiveDelegation,
): Promise<IssuedToken | undefined> {
  const payload = payloadOf(context, authenticated, {
    userId: live.userId,
    scope: { kind: 'project', id: live.projectId },
    delegation: { kind: live.kind, id: live.record.id },
    mostExpiresAtMs: live.expiresAtMs,
  });
  const state = await stateOf(context, payload);
  return state && { token: encode(context, payload), state };
}

function payloadOf(
  { config }: AuthContext,
  { methods, sinceMs, parent }: Authenticated,
  {
    mostExpiresAtMs = Number.POSITIVE_INFINITY,
    ...parts
  }: Pick<TokenPayload, 'userId' | 'scope' | 'delegation'> & { mostExpiresAtMs?: number },
): TokenPayload {
  const auditId = randomBytes(16).toString('base64url');
  const chainId = parent?.auditIds.at(-1);
  const expiresAtMs = parent?.expiresAtMs ?? sinceMs + config.token_ttl_s * 1000;
  return {
    ...parts,
    methods,
    issuedAtMs: sinceMs,
    expiresAtMs: Math.floor(Math.min(expiresAtMs, mostExpiresAtMs)),
    auditIds: chainId === undefined ? [auditId] : [auditId, chainId],
  };
}

function encode({ fernetKeys }: AuthContext, payload: TokenPayload): string {
  return encodeFernet(encodePayload(payload), fernetKeys.keys.primary, { issuedAtS: payload.issuedAtMs / 1000 });
}

type Granted = Pick<TokenState, 'scope' | 'roles'>;

async function grantScope(
  context: AuthContext,
  user: UserRecord,
  requested: Exclude<RequestedScope, { kind: 'trust' }>,
): Promise<Granted | undefined> {
  const scope: ScopeState | undefined = await resolveScope(context, requested);
  if (!scope || containersOf(scope).some(({ enabled }) => !enabled)) return undefined;
  const roles = await rolesOf(context, user.id, scope, undefined);
  return roles && { scope, roles };
}

async function grantDefaultScope(context: AuthContext, user: UserRecord): Promise<Granted | undefined> {
  if (user.defaultProjectId === null) return undefined;
  return grantScope(context, user, { kind: 'project', project: { id: user.defaultProjectId } });
}
