import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../../common/errors.ts';
import { userTarget } from '../actions/access.ts';
import { authenticate, type Proofs, type UserReference } from '../actions/authenticate.ts';
import { catalogFor } from '../actions/catalog.ts';
import { issueToken } from '../actions/issue-token.ts';
import { encodeReceiptText, receiptBodyOf } from '../actions/receipts.ts';
import type { DomainReference, RequestedScope } from '../actions/resolve-scope.ts';
import { resolveToken } from '../actions/resolve-token.ts';
import { revokeToken } from '../actions/revoke-token.ts';
import { type TokenState, tokenBodyOf } from '../actions/token-state.ts';
import type { AuthContext } from '../context.ts';
import type { TokenBody } from '../contract.ts';
import { badRequest, tokenNotFound } from '../errors.ts';
import { unauthorized } from '../guard/authenticate.ts';
import { parseBody } from '../parse.ts';
import { type AuthRequest, authRequest } from '../schemas.ts';
import { flagOf, queryOf } from './list.ts';

/** Logging in, and asking what a token is. Spec: Identity API v3, "Authentication and token management". */
export function registerTokenRoutes(app: FastifyInstance, context: AuthContext, wwwAuthenticate: string): void {
  app.post('/v3/auth/tokens', async (request, reply) => {
    const { auth } = parseBody(authRequest, request.body);
    const proofs = proofsOf(auth.identity, request.headers['openstack-auth-receipt']);
    const scope = scopeOf(auth.scope);
    const attempt = { address: request.ip, subject: subjectOf(proofs) };
    request.auditTarget = triedBy(proofs);
    context.failures.assertMayTry(attempt);
    const authenticated = proofs && (await authenticate(context, proofs));
    if (!authenticated) context.failures.failed(attempt);
    if (authenticated) request.auditTarget = { id: authenticated.user.id, name: authenticated.user.name };
    if (authenticated && 'receipt' in authenticated) {
      reply.status(401).header('openstack-auth-receipt', encodeReceiptText(context, authenticated));
      return receiptBodyOf(authenticated);
    }
    const issued = authenticated && (await issueToken(context, authenticated, scope));
    if (!issued) throw unauthorized(wwwAuthenticate);
    reply.status(201).header('x-subject-token', issued.token);
    return { token: await withCatalog(context, request, issued.state) };
  });

  app.get('/v3/auth/tokens', async (request, reply) => {
    const token = subjectTokenOf(request);
    const allowExpired = flagOf(request, 'allow_expired');
    if (allowExpired) context.policy.authorize('identity:validate_expired_token', request.identity);
    const state = await resolveToken(context, token, { allowExpired });
    if (!state) throw tokenNotFound();
    context.policy.authorize('identity:validate_token', request.identity, userTarget(state.user));
    assertUnderstandsRules(request, state);
    reply.header('x-subject-token', token);
    return { token: await withCatalog(context, request, state) };
  });

  app.delete('/v3/auth/tokens', async (request, reply) => {
    const state = await resolveToken(context, subjectTokenOf(request));
    if (!state) throw tokenNotFound();
    context.policy.authorize('identity:revoke_token', request.identity, userTarget(state.user));
    await revokeToken(context, state.payload);
    return reply.status(204).send();
  });
}

/** A token with access rules is shown only to who says that it will heed them. Spec: Identity API v3, "Access rules". */
function assertUnderstandsRules({ headers }: FastifyRequest, { delegation }: TokenState): void {
  const hasRules = delegation?.kind === 'application_credential' && delegation.accessRules !== undefined;
  if (hasRules && !(Number(headers['openstack-identity-access-rules']) >= 1)) throw tokenNotFound();
}

async function withCatalog(context: AuthContext, request: FastifyRequest, state: TokenState): Promise<TokenBody> {
  const body = tokenBodyOf(context, state);
  const wantsNone = 'nocatalog' in queryOf(request);
  return wantsNone || state.scope.kind === 'unscoped' ? body : { ...body, catalog: await catalogFor(context, state) };
}

/** 404, as Keystone answers it: there is no token to speak of. */
function noSubjectToken(): ApiError {
  return new ApiError({ status: 404, code: 'NotFound', message: 'The header X-Subject-Token is missing.' });
}

function subjectTokenOf(request: FastifyRequest): string {
  const token = request.headers['x-subject-token'];
  if (typeof token !== 'string' || token === '') throw noSubjectToken();
  return token;
}

/** The proofs of a login; undefined where it names a method that we do not have, which is refused as any wrong proof is. */
function proofsOf(
  { methods, password, token, totp, application_credential: credential }: AuthRequest['auth']['identity'],
  receipt: string | string[] | undefined,
): Proofs | undefined {
  const proofs: Proofs = typeof receipt === 'string' && receipt !== '' ? { receipt } : {};
  for (const method of methods) {
    if (method === 'password') {
      if (!password) throw badRequest('The password method needs identity.password.');
      proofs.password = { user: userReferenceOf(password.user), password: password.user.password };
    } else if (method === 'token') {
      if (!token) throw badRequest('The token method needs identity.token.');
      proofs.token = token;
    } else if (method === 'totp') {
      if (!totp) throw badRequest('The totp method needs identity.totp.');
      proofs.totp = { user: userReferenceOf(totp.user), passcode: totp.user.passcode };
    } else if (method === 'application_credential') {
      if (!credential) throw badRequest('The application_credential method needs identity.application_credential.');
      proofs.applicationCredential = { credential: credentialReferenceOf(credential), secret: credential.secret };
    } else return undefined;
  }
  return proofs;
}

/** Who is tried, in whatever words: the key that failures are counted under. */
function subjectOf(proofs: Proofs | undefined): string {
  const credential = proofs?.applicationCredential?.credential;
  return JSON.stringify(credential ?? proofs?.password?.user ?? proofs?.totp?.user ?? 'token');
}

/** Who is said to log in, for the audit log. */
function triedBy(proofs: Proofs | undefined): { id?: string; name?: string } | undefined {
  const user = proofs?.password?.user ?? proofs?.totp?.user;
  if (user) return 'id' in user ? { id: user.id } : { name: user.name };
  const credential = proofs?.applicationCredential?.credential;
  return credential && 'id' in credential ? { id: credential.id } : undefined;
}

type CredentialProof = NonNullable<AuthRequest['auth']['identity']['application_credential']>;

function credentialReferenceOf({
  id,
  name,
  user,
}: CredentialProof): { id: string } | { name: string; user: UserReference } {
  if (id !== undefined) return { id };
  if (name === undefined || !user) throw badRequest('An application credential is named by id, or by name and user.');
  return { name, user: userReferenceOf(user) };
}

function userReferenceOf({ id, name, domain }: { id?: string; name?: string; domain?: Reference }): UserReference {
  if (id !== undefined) return { id };
  if (name === undefined || !domain) throw badRequest('A user is named by id, or by name and domain.');
  return { name, domain: domainReferenceOf(domain) };
}

function scopeOf(scope: AuthRequest['auth']['scope']): RequestedScope | undefined {
  if (scope === undefined) return undefined;
  if (scope === 'unscoped' || scope.unscoped) return { kind: 'unscoped' };
  const { project, domain, system, 'OS-TRUST:trust': trust } = scope;
  if ([project, domain, system, trust].filter(Boolean).length !== 1)
    throw badRequest('A scope is one of project, domain, system and trust.');
  if (trust) return { kind: 'trust', id: trust.id };
  if (system) return { kind: 'system' };
  if (domain) return { kind: 'domain', domain: domainReferenceOf(domain) };
  if (project?.id !== undefined) return { kind: 'project', project: { id: project.id } };
  if (project?.name === undefined || !project.domain)
    throw badRequest('A project is named by id, or by name and domain.');
  return { kind: 'project', project: { name: project.name, domain: domainReferenceOf(project.domain) } };
}

interface Reference {
  id?: string;
  name?: string;
}

function domainReferenceOf({ id, name }: Reference): DomainReference {
  if (id !== undefined) return { id };
  if (name === undefined) throw badRequest('A domain is named by id or by name.');
  return { name };
}
