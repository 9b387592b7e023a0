import type { AuthContext } from '../context.ts';
import { decodeFernet } from '../tokens/fernet.ts';
import { decodePayload, type TokenPayload } from '../tokens/payload.ts';
import { effectiveRoles } from './effective-roles.ts';
import { containersOf, requestOfPayloadScope, resolveScope, targetOfScope } from './resolve-scope.ts';
import type { TokenState } from './token-state.ts';

export interface ResolveOptions {
  /** Also accept a token that ended less than the configured window ago: for services that finish what it began. */
  allowExpired?: boolean;
}

/**
 * What a token stands for now, or undefined when it does not hold: not ours, ended, revoked, its user, project or domain gone,
 * disabled or changed since, or no role left on its scope.
 */
export async function resolveToken(
  context: AuthContext,
  token: string,
  options: ResolveOptions = {},
): Promise<TokenState | undefined> {
  const payload = await readPayload(context, token);
  if (!payload) return undefined;
  const graceMs = options.allowExpired ? context.config.allow_expired_window_s * 1000 : 0;
  if (context.clock.nowMs() >= payload.expiresAtMs + graceMs) return undefined;
  if (await isRevoked(context, payload)) return undefined;
  return stateOf(context, payload);
}

async function stateOf(context: AuthContext, payload: TokenPayload): Promise<TokenState | undefined> {
  const { tables } = context;
  const user = (await tables.users.get(payload.userId))?.record;
  const userDomain = user && (await tables.projects.get(user.domainId))?.record;
  const scope = await resolveScope(context, requestOfPayloadScope(payload.scope));
  if (!user || !userDomain || !scope) return undefined;
  const subjects = [user, userDomain, ...containersOf(scope)];
  if (subjects.some((subject) => !subject.enabled || payload.issuedAtMs <= subject.tokensNotBeforeMs)) return undefined;
  const target = targetOfScope(scope);
  const roles = target ? await effectiveRoles(tables, user.id, target.kind, target.id) : [];
  if (target && roles.length === 0) return undefined;
  return { payload, user, userDomain, scope, roles };
}

async function readPayload({ fernetKeys }: AuthContext, token: string): Promise<TokenPayload | undefined> {
  let bytes = decodeFernet(token, fernetKeys.keys.all);
  if (!bytes && (await fernetKeys.reload())) bytes = decodeFernet(token, fernetKeys.keys.all);
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
