import type { IncomingHttpHeaders } from 'node:http';
import { login } from '../../auth/client.ts';
import type { Clock } from '../../common/clock.ts';
import { ACCOUNT_PREFIX, DEFAULT_DOMAIN_ID } from '../access/access-control.ts';
import { refusal } from '../errors.ts';

export interface LegacyIdentity {
  /** Base URL of the identity API, with `/v3`. */
  authUrl: string;
}

export interface LegacyLogin {
  identity: LegacyIdentity;
  clock: Clock;
  /** Base URL of the object API, as clients reach it. */
  storageUrl(): string;
}

const NAME = /^([^:]+):(.+)$/;

/**
 * `GET /auth/v1.0`: the login that Swift had before Keystone. `project:user` of the Default domain and the Keystone password;
 * the token is Keystone's own.
 *
 * @returns headers of the answer, lower case.
 * @throws ApiError 401 for a name or key that identity refuses, 503 when it cannot be asked.
 * Spec: Swift, "TempAuth": the v1 authentication.
 */
export async function legacyLogin(headers: IncomingHttpHeaders, options: LegacyLogin): Promise<Record<string, string>> {
  const user = textOf(headers['x-auth-user'] ?? headers['x-storage-user']);
  const key = textOf(headers['x-auth-key'] ?? headers['x-storage-pass']);
  const [, projectName, username] = NAME.exec(user ?? '') ?? [];
  if (!projectName || !username || !key) throw unauthorized();
  const loggedIn = await login({
    authUrl: options.identity.authUrl,
    username,
    password: key,
    userDomainId: DEFAULT_DOMAIN_ID,
    projectName,
    projectDomainId: DEFAULT_DOMAIN_ID,
  }).catch((error: unknown) => {
    throw refusal(503, { cause: error });
  });
  const project = loggedIn?.body.project;
  if (!loggedIn || !project) throw unauthorized();
  const secondsLeft = Math.floor((Date.parse(loggedIn.body.expires_at) - options.clock.nowMs()) / 1000);
  return {
    'x-auth-token': loggedIn.token,
    'x-storage-token': loggedIn.token,
    'x-storage-url': `${options.storageUrl().replace(/\/+$/, '')}/v1/${ACCOUNT_PREFIX}${project.id}`,
    'x-auth-token-expires': String(Math.max(0, secondsLeft)),
  };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(String(value), 'latin1').toString('utf8');
}

function unauthorized(): Error {
  return refusal(401, { headers: { 'www-authenticate': 'Swift realm="unknown"' } });
}
