import { type Clock, systemClock } from '../common/clock.ts';
import { type JsonResponse, requestJson } from '../common/http/json-client.ts';
import type { CatalogService, PasswordLogin, ServiceSession, TokenBody } from './contract.ts';
import type { Delegation, Identity, RevocationEpoch, Scope, SignerDirectory, TokenVerifier } from './guard/contract.ts';

/** How long identity may take to answer. */
const TIMEOUT_MS = 20_000;
/** A session's token is replaced when it has less than this to live, or less than half of its life if that is short. */
const LEAST_LIFETIME_MS = 60_000;
/** How often the revocation epoch is asked for. */
const EPOCH_POLL_MS = 400;
/** An epoch older than this says nothing: with what it takes to tell all threads, nothing outlives its revocation by a second. */
const EPOCH_FRESH_MS = 750;

export interface LoggedIn {
  token: string;
  body: TokenBody;
}

/**
 * Logs in with a password.
 *
 * @returns undefined when identity refuses the name, the password or the project.
 * @throws when identity cannot be asked.
 * Spec: Identity API v3, "Password authentication with scoped authorization".
 */
export async function login(credentials: PasswordLogin): Promise<LoggedIn | undefined> {
  const { username, password, userDomainId, projectName, projectDomainId } = credentials;
  const answer = await requestJson({
    method: 'POST',
    url: `${credentials.authUrl}/auth/tokens`,
    timeoutMs: TIMEOUT_MS,
    body: {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: username, domain: { id: userDomainId }, password } },
        },
        scope: { project: { name: projectName, domain: { id: projectDomainId } } },
      },
    },
  });
  if (answer.status === 401) return undefined;
  const token = answer.headers['x-subject-token'];
  if (answer.status !== 201 || typeof token !== 'string') throw unexpected('login', answer);
  return { token, body: tokenBodyOf(answer) };
}

/** A service's standing login. The first call logs in; concurrent calls share one login. */
export function createServiceSession(credentials: PasswordLogin, clock: Clock = systemClock): ServiceSession {
  let current: Promise<LoggedIn> | undefined;

  async function logIn(): Promise<LoggedIn> {
    const loggedIn = await login(credentials);
    if (!loggedIn) throw new Error(`identity refuses the service user ${credentials.username}`);
    return loggedIn;
  }

  async function session(): Promise<LoggedIn> {
    const known = current;
    if (known) {
      const loggedIn = await known;
      if (livesLongEnough(loggedIn.body, clock)) return loggedIn;
      if (current !== known) return session();
    }
    const next = logIn();
    current = next;
    next.catch(() => {
      if (current === next) current = undefined;
    });
    return next;
  }

  return {
    token: async () => (await session()).token,
    forgetToken: () => {
      current = undefined;
    },
    endpoint: async (serviceType) => endpointOf((await session()).body.catalog ?? [], serviceType),
  };
}

function livesLongEnough({ issued_at, expires_at }: TokenBody, clock: Clock): boolean {
  const endMs = Date.parse(expires_at);
  const leastMs = Math.min(LEAST_LIFETIME_MS, (endMs - Date.parse(issued_at)) / 2);
  return endMs - clock.nowMs() > leastMs;
}

function endpointOf(catalog: readonly CatalogService[], serviceType: string): string {
  const endpoints = catalog.find(({ type }) => type === serviceType)?.endpoints ?? [];
  const endpoint = endpoints.find((each) => each.interface === 'internal') ?? endpoints[0];
  if (!endpoint) throw new Error(`the catalog has no endpoint of type ${serviceType}`);
  return endpoint.url.replace(/\/+$/, '');
}

export interface RemoteIdentityOptions {
  /** Base URL of the identity API, with `/v3`. */
  authUrl: string;
  /** Whose token asks: it needs the role `service` or `admin`. */
  session: ServiceSession;
}

/** Asks identity about a token over HTTP. Put `createCachingVerifier` around it. */
export function createRemoteVerifier(options: RemoteIdentityOptions): TokenVerifier {
  return {
    async verify(token) {
      // What no header can carry was never a token of ours.
      if (!/^[\x21-\x7e]+$/.test(token)) return undefined;
      const answer = await askAsService(options, '/auth/tokens?nocatalog', {
        'x-subject-token': token,
        'openstack-identity-access-rules': '1.0',
      });
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw unexpected('token validation', answer);
      return identityFromToken(tokenBodyOf(answer));
    },
  };
}

/**
 * Who a token is, asked with the token itself.
 *
 * @param authUrl base URL of the identity API, with `/v3`.
 * @returns undefined for a token that does not hold.
 * @throws when identity cannot be asked.
 */
export async function showOwnToken(authUrl: string, token: string): Promise<Identity | undefined> {
  const headers = { 'x-auth-token': token, 'x-subject-token': token, 'openstack-identity-access-rules': '1.0' };
  const answer = await requestJson({
    method: 'GET',
    url: `${authUrl}/auth/tokens?nocatalog`,
    headers,
    timeoutMs: TIMEOUT_MS,
  });
  if (answer.status === 401 || answer.status === 404) return undefined;
  if (answer.status !== 200) throw unexpected('token validation', answer);
  return identityFromToken(tokenBodyOf(answer));
}

/** Asks identity over HTTP what an access key signs with. Put `createCachingSigners` around it. */
export function createRemoteSigners(options: RemoteIdentityOptions): SignerDirectory {
  const { authUrl, session } = options;
  const askWith = (ownToken: string, body: object) =>
    requestJson({
      method: 'POST',
      url: `${authUrl}/martlet/signing-keys`,
      headers: { 'x-auth-token': ownToken },
      timeoutMs: TIMEOUT_MS,
      body,
    });
  return {
    async find(access, scope) {
      const body = { access, ...(scope === undefined ? {} : { scope }) };
      const used = await session.token();
      let answer = await askWith(used, body);
      if (answer.status === 401) {
        // Was it the key, or our own token? Another question tells, without a login for every unknown key.
        await askAsService(options, '/martlet/revocation-epoch', {});
        const current = await session.token();
        if (current === used) return undefined;
        answer = await askWith(current, body);
      }
      if (answer.status === 401 || answer.status === 400) return undefined;
      const { identity, key } = (answer.body ?? {}) as { identity?: Identity; key?: string };
      if (answer.status !== 200 || !identity?.user?.id || typeof key !== 'string')
        throw unexpected('signing key', answer);
      return { identity, key: Uint8Array.from(Buffer.from(key, 'base64')) };
    },
  };
}

/** The epoch of an identity service on another node. */
export interface RemoteEpoch extends RevocationEpoch {
  /** NaN, which equals no epoch, unless identity was heard of less than EPOCH_FRESH_MS ago. */
  current(): number;
  stop(): void;
}

/**
 * Follows the revocation epoch of another node, so that a cache here drops what was revoked there within a second and trusts
 * nothing while it cannot hear from identity.
 */
export function createRemoteEpoch(options: RemoteIdentityOptions & { clock?: Clock }): RemoteEpoch {
  const clock = options.clock ?? systemClock;
  let known = '';
  let count = 0;
  let heardMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function poll(): Promise<void> {
    const askedMs = clock.nowMs();
    try {
      const answer = await askAsService(options, '/martlet/revocation-epoch', {});
      if (answer.status === 200) {
        // Compared as a text: identity counts from 0 again when it restarts, under another instance id.
        const heard = JSON.stringify(answer.body);
        if (heard !== known) count += 1;
        known = heard;
        heardMs = askedMs;
      }
    } catch {
      // Unheard of is what `current` reports by NaN; whoever verifies a token then meets the error itself.
    }
    if (stopped) return;
    timer = setTimeout(() => void poll(), EPOCH_POLL_MS);
    timer.unref();
  }

  void poll();
  return {
    current: () => (clock.nowMs() - heardMs < EPOCH_FRESH_MS ? count : Number.NaN),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Asks with the service's token, once more with a new one if identity does not know it any longer. */
async function askAsService(
  { authUrl, session }: RemoteIdentityOptions,
  path: string,
  headers: Record<string, string>,
): Promise<JsonResponse> {
  const ask = async () =>
    requestJson({
      method: 'GET',
      url: `${authUrl}${path}`,
      headers: { ...headers, 'x-auth-token': await session.token() },
      timeoutMs: TIMEOUT_MS,
    });
  const answer = await ask();
  if (answer.status !== 401) return answer;
  session.forgetToken();
  return ask();
}

/** Who a validated token is. Spec: Identity API v3, "Validate and show information for token". */
function identityFromToken(body: TokenBody): Identity {
  return {
    user: { id: body.user.id, name: body.user.name, domain: body.user.domain },
    scope: scopeFromToken(body),
    roles: body.roles ?? [],
    expiresAtMs: Date.parse(body.expires_at),
    auditIds: body.audit_ids,
    ...delegationFromToken(body),
  };
}

function delegationFromToken(body: TokenBody): { delegation?: Delegation } {
  const { application_credential: credential, 'OS-TRUST:trust': trust } = body;
  if (credential) {
    const rules = credential.access_rules?.map(({ service, method, path }) => ({ service, method, path }));
    const delegation: Delegation = {
      kind: 'application_credential',
      id: credential.id,
      unrestricted: !credential.restricted,
      ...(rules ? { accessRules: rules } : {}),
    };
    return { delegation };
  }
  if (trust) return { delegation: { kind: 'trust', id: trust.id, unrestricted: false } };
  // The body does not say which key: that it was one is all that a service needs.
  if (body.methods.includes('ec2credential')) return { delegation: { kind: 'ec2', id: 'ec2', unrestricted: false } };
  return {};
}

function scopeFromToken(body: TokenBody): Scope {
  if (body.project) return { kind: 'project', project: body.project };
  if (body.domain) return { kind: 'domain', domain: body.domain };
  return body.system ? { kind: 'system' } : { kind: 'unscoped' };
}

function tokenBodyOf(answer: JsonResponse): TokenBody {
  const { token } = (answer.body ?? {}) as { token?: TokenBody };
  if (!token?.user?.id || !token.expires_at) throw unexpected('token', answer);
  return token;
}

function unexpected(what: string, answer: JsonResponse): Error {
  return new Error(`identity answered ${what} with status ${answer.status}`);
}
