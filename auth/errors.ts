import { STATUS_CODES } from 'node:http';
import { ApiError } from '../common/errors.ts';
import type { RenderError } from '../common/http/app.ts';

/** `{"error":{"code":404,"message":"…","title":"Not Found"}}`. Spec: Identity API v3, "Errors". */
export const renderKeystoneError: RenderError = (error) => ({
  contentType: 'application/json',
  body: JSON.stringify({
    error: { code: error.status, message: error.message, title: STATUS_CODES[error.status] ?? 'Error' },
  }),
});

/** What a client can find missing. */
export type ResourceKind =
  | 'user'
  | 'group'
  | 'project'
  | 'domain'
  | 'role'
  | 'service'
  | 'endpoint'
  | 'region'
  | 'token'
  | 'role assignment'
  | 'implied role'
  | 'project tag'
  | 'application credential'
  | 'access rule'
  | 'trust'
  | 'credential'
  | 'limit'
  | 'registered limit'
  | 'endpoint group'
  | 'endpoint association'
  | 'policy'
  | 'consumer'
  | 'domain configuration';

export function notFound(kind: ResourceKind, id: string): ApiError {
  return new ApiError({ status: 404, code: 'NotFound', message: `Could not find ${kind}: ${id.slice(0, 128)}.` });
}

/** Names no token: whoever holds part of one shall not read it in a log. */
export function tokenNotFound(): ApiError {
  return new ApiError({ status: 404, code: 'TokenNotFound', message: 'Failed to validate token' });
}

export function badRequest(message: string): ApiError {
  return new ApiError({ status: 400, code: 'BadRequest', message });
}

export function conflict(kind: ResourceKind, message: string): ApiError {
  return new ApiError({
    status: 409,
    code: 'Conflict',
    message: `Conflict occurred attempting to store ${kind} - ${message}.`,
  });
}

export function refused(message: string): ApiError {
  return new ApiError({ status: 403, code: 'Forbidden', message });
}

export function passwordQueueFull(): ApiError {
  return new ApiError({
    status: 503,
    code: 'TooManyLogins',
    message: 'Too many passwords are being checked at the moment. Try again.',
    headers: { 'retry-after': '1' },
  });
}

/** A right password that has expired. Said to who knows it, so that it can be changed. */
export function passwordExpired(userId: string, wwwAuthenticate: string): ApiError {
  return new ApiError({
    status: 401,
    code: 'PasswordExpired',
    message: `The password is expired and needs to be changed for user: ${userId}.`,
    headers: { 'www-authenticate': wwwAuthenticate },
  });
}

export function tooManyFailures(retryAfterS: number): ApiError {
  return new ApiError({
    status: 429,
    code: 'TooManyFailedLogins',
    message: 'Too many failed logins. Try again later.',
    headers: { 'retry-after': String(retryAfterS) },
  });
}

export function notBuilt(what: string): ApiError {
  return new ApiError({ status: 501, code: 'NotImplemented', message: `${what} are not implemented by this server.` });
}
