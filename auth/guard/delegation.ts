import { ApiError } from '../../common/errors.ts';
import type { AccessRule, Identity } from './contract.ts';
import { hasRole } from './scope.ts';

/** A request, as a delegation looks at it. */
export interface DelegatedRequest {
  /** Type of the service that was asked: `image`. Undefined where it is not known: access rules then allow nothing. */
  serviceType: string | undefined;
  method: string;
  /** As it was sent, without the query. */
  path: string;
  /** The service that passes the request on, where there is one. */
  serviceIdentity?: Identity | undefined;
}

/**
 * Whether a token may be used for a request at all: one from an EC2 key only for object storage, one from an application credential
 * with access rules only for what a rule names. A service that passes a request on is trusted to have asked already.
 *
 * Spec: keystonemiddleware, `auth_token`: access rules.
 */
export function delegationAllows({ delegation }: Identity, request: DelegatedRequest): boolean {
  if (!delegation) return true;
  if (delegation.kind === 'ec2' && request.serviceType !== 'object-store') return false;
  const { accessRules } = delegation;
  if (accessRules === undefined || hasRole(request.serviceIdentity, 'service')) return true;
  return accessRules.some((rule) => matches(rule, request));
}

/**
 * Refuses a delegated token where it would make, read or change what delegates or proves who somebody is.
 *
 * @throws ApiError 403.
 */
export function assertMayDelegate({ delegation }: Identity, what: string): void {
  if (!delegation || (delegation.unrestricted && !delegation.accessRules)) return;
  throw new ApiError({ status: 403, code: 'Forbidden', message: `A delegated token cannot be used for ${what}.` });
}

/** One service, several names in catalogs. Spec: service-types-authority, aliases. */
const ALIASES: Readonly<Record<string, string | undefined>> = {
  volume: 'block-storage',
  volumev2: 'block-storage',
  volumev3: 'block-storage',
};

function typeOf(name: string): string {
  return (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined) ?? name;
}

function matches(rule: AccessRule, { serviceType, method, path }: DelegatedRequest): boolean {
  if (serviceType === undefined || typeOf(rule.service) !== typeOf(serviceType) || rule.method !== method) return false;
  // A path that two readers may understand differently is matched by no rule.
  if (/\/\/|%2f|%5c|\\|(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path)) return false;
  return patternOf(rule.path).test(path.length > 1 ? path.replace(/\/$/, '') : path);
}

/** No part of the pattern can match in two ways, but for `**`: the length of a path bounds the work. */
function patternOf(path: string): RegExp {
  const source = path.replace(/\{[^{}]*\}|\*\*|\*|[^{}*]+|[{}]/g, (part) => {
    if (part === '**') return '.*';
    if (part === '*' || (part.startsWith('{') && part.endsWith('}'))) return '[^/]+';
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}
