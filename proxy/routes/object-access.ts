import { denial, type Grant } from '../access/access-control.ts';
import type { ObjectName } from '../actions/read-object.ts';
import { refusal } from '../errors.ts';
import { objectPathOf, type ProxyRequest } from '../message.ts';
import type { Services } from './route.ts';

/**
 * Finds the container of an object and checks the caller's access by its ACL, where the roles alone do not allow it.
 *
 * @returns the object's full name; undefined where there is no such container.
 * @throws ApiError 401 or 403: before the answer says whether the container exists.
 */
export async function openContainer(
  request: ProxyRequest,
  { cluster, access, containers }: Services,
  grant: Grant,
  aclName: 'readAcl' | 'writeAcl',
): Promise<ObjectName | undefined> {
  const path = objectPathOf(request.path);
  if (!path) throw refusal(404);
  const { account, container } = path;
  const known = containers.now(account, container) ?? (await containers.find(account, container));
  if (!grant.allowed && !(await access.decide(request, known?.[aclName])).allowed) throw denial(request);
  if (!known) return undefined;
  if (!cluster.policies.byIndex(known.policyIndex)) throw refusal(503, { body: 'Unknown Storage Policy' });
  return { ...path, policyIndex: known.policyIndex };
}
