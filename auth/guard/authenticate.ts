import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, InvariantError } from '../../common/errors.ts';
import type { Identity, TokenVerifier } from './contract.ts';
import { delegationAllows } from './delegation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Reading it on a public route, where nobody was asked, is a bug and throws InvariantError. */
    readonly identity: Identity;
    /** The service that passes the request on (`X-Service-Token`), where there is one. Its roles are the caller's to check. */
    readonly serviceIdentity: Identity | undefined;
    /** Behind the two above. Undefined until the token has been verified. */
    verifiedCaller: VerifiedCaller | undefined;
  }
}

interface VerifiedCaller {
  identity: Identity;
  serviceIdentity: Identity | undefined;
}

export interface RequireTokenOptions {
  verifier: TokenVerifier;
  /** Whether a request needs no token. `path` is without the query. */
  isPublic(path: string, method: string): boolean;
  /** Type of the service in the catalog. A token with access rules is refused where it is not told. */
  serviceType?: string;
  /** Value of `WWW-Authenticate` on a 401: `Keystone uri="http://…:5000"`. */
  wwwAuthenticate: string;
}

/**
 * Verifies the token of every request that is not public, before its body is read, and decorates the request with who calls.
 * A missing or refused token is answered 401, and 503 when identity cannot be asked.
 *
 * Call it before the routes are registered.
 * Spec: keystonemiddleware, `auth_token`.
 */
export function requireToken(app: FastifyInstance, options: RequireTokenOptions): void {
  decorateWithCaller(app);
  app.addHook('onRequest', async (request) => {
    stripIdentityHeaders(request);
    if (options.isPublic(request.url.split('?', 1)[0] ?? '', request.method)) return;
    request.verifiedCaller = await verifyCaller(request, options);
  });
}

function decorateWithCaller(app: FastifyInstance): void {
  app.decorateRequest('verifiedCaller', undefined);
  app.decorateRequest('identity', {
    getter(this: FastifyRequest): Identity {
      if (!this.verifiedCaller)
        throw new InvariantError(`${this.method} ${this.routeOptions.url}: nobody was authenticated`);
      return this.verifiedCaller.identity;
    },
  });
  app.decorateRequest('serviceIdentity', {
    getter(this: FastifyRequest): Identity | undefined {
      return this.verifiedCaller?.serviceIdentity;
    },
  });
}

/**
 * Who a request comes from, by `X-Auth-Token` (or Swift's `X-Storage-Token`) and `X-Service-Token`.
 *
 * @throws ApiError 401 for a missing or refused token, 503 when identity cannot be asked.
 */
async function verifyCaller(
  request: FastifyRequest,
  options: Pick<RequireTokenOptions, 'verifier' | 'wwwAuthenticate' | 'serviceType'>,
): Promise<VerifiedCaller> {
  const token = headerOf(request, 'x-auth-token') ?? headerOf(request, 'x-storage-token');
  const serviceToken = headerOf(request, 'x-service-token');
  if (!token) throw unauthorized(options.wwwAuthenticate);
  const identity = await verify(token, request, options);
  const serviceIdentity = serviceToken ? await verify(serviceToken, request, options) : undefined;
  const { serviceType, wwwAuthenticate } = options;
  const path = request.url.split('?', 1)[0] ?? '';
  if (!delegationAllows(identity, { serviceType, method: request.method, path, serviceIdentity }))
    throw unauthorized(wwwAuthenticate);
  return { identity, serviceIdentity };
}

async function verify(
  token: string,
  request: FastifyRequest,
  options: Pick<RequireTokenOptions, 'verifier' | 'wwwAuthenticate'>,
): Promise<Identity> {
  let identity: Identity | undefined;
  try {
    identity = await options.verifier.verify(token);
  } catch (error) {
    request.log.warn({ err: error, requestId: request.id }, 'a token could not be verified');
    throw new ApiError({
      status: 503,
      code: 'IdentityUnavailable',
      message: 'The identity service cannot be asked at the moment.',
      cause: error,
    });
  }
  if (!identity) throw unauthorized(options.wwwAuthenticate);
  return identity;
}

export function unauthorized(wwwAuthenticate: string): ApiError {
  return new ApiError({
    status: 401,
    code: 'Unauthorized',
    message: 'The request you have made requires authentication.',
    headers: { 'www-authenticate': wwwAuthenticate },
  });
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Headers in which a proxy in front of an OpenStack service says who calls: here only a token says it. CVE-2026-22797. */
const IDENTITY_HEADER =
  /^x-(service-)?(identity-status|user|user-(id|name|domain-id|domain-name)|roles?|project-(id|name|domain-id|domain-name)|domain-(id|name)|tenant|tenant-(id|name))$|^x-(service-catalog|is-admin-project)$|^openstack-system-scope$/;

function stripIdentityHeaders(request: FastifyRequest): void {
  const { headers } = request.raw;
  for (const name of Object.keys(headers)) if (IDENTITY_HEADER.test(name)) delete headers[name];
}
