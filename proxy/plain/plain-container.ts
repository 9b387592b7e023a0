import { delegationAllows } from '../../auth/guard/delegation.ts';
import { SERVICE_TYPE } from '../access/access-control.ts';
import { NO_ACL } from '../access/acl.ts';
import type { KnownContainer } from '../backend/known-containers.ts';
import { decodeHeaderValue } from '../http/header-text.ts';
import type { Exchange, StraightServices } from './exchange.ts';

/**
 * The container of the request's object, where this thread knows without asking that it is there, that no feature is at work in it,
 * who calls, and that the caller may.
 */
export function openPlainContainer(
  exchange: Exchange,
  services: StraightServices,
  aclName: 'readAcl' | 'writeAcl',
): KnownContainer | undefined {
  const { path, verb, headers } = exchange.request;
  const { account, container } = path;
  const known = services.containers.now(account, container);
  if (!known?.isPlain || !services.cluster.policies.byIndex(known.policyIndex)) return undefined;
  const token = headers['x-auth-token'] ?? headers['x-storage-token'];
  const caller = typeof token === 'string' && token !== '' ? services.verifyNow(token) : undefined;
  // A token that is not known may still be good, and a refused one leaves what anybody may do: the pipeline tells.
  if (token !== undefined && !caller) return undefined;
  // A delegated token may reach no further than its access rules; then it is nobody's, and again the pipeline tells.
  if (
    caller &&
    !delegationAllows(caller, { serviceType: SERVICE_TYPE, method: verb, path: exchange.incoming.url ?? '' })
  )
    return undefined;
  const referer = headers.referer === undefined ? undefined : decodeHeaderValue(headers.referer);
  const question = { method: verb, path, caller, referer };
  const isAllowed =
    services.access.decideNow(question, NO_ACL)?.allowed ||
    services.access.decideNow(question, known[aclName])?.allowed;
  return isAllowed ? known : undefined;
}
