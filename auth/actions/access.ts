import type { Stored } from '../../common/kv/table.ts';
import type { AuthContext } from '../context.ts';
import { badRequest, notFound, type ResourceKind, refused } from '../errors.ts';
import type { Identity, PolicyTarget } from '../guard/contract.ts';
import type { Extra, GroupRecord, ProjectRecord, RoleRecord, UserRecord } from '../store/records.ts';

/** What a rule may compare of a stored record: Keystone's names, without the leading `target.`. */
export function userTarget(user: UserRecord): PolicyTarget {
  return { 'user.id': user.id, 'user.domain_id': user.domainId };
}

export function groupTarget(group: GroupRecord): PolicyTarget {
  return { 'group.id': group.id, 'group.domain_id': group.domainId };
}

export function domainTarget(domain: ProjectRecord): PolicyTarget {
  return { 'domain.id': domain.id };
}

export function projectTarget(project: ProjectRecord): PolicyTarget {
  return { 'project.id': project.id, 'project.domain_id': project.isDomain ? project.id : project.domainId };
}

export function roleTarget(role: RoleRecord): PolicyTarget {
  return { 'role.id': role.id, 'role.name': role.name, 'role.domain_id': role.domainId };
}

/** The target of a list: the domain that the caller's own token is for. What is in the list is decided record by record. */
export function ownDomainTarget({ scope }: Identity): PolicyTarget {
  return scope.kind === 'domain' ? { 'domain.id': scope.domain.id } : {};
}

export interface AccessOptions<T> {
  kind: ResourceKind;
  id: string;
  action: string;
  targetOf: (record: T) => PolicyTarget;
}

/**
 * A record that the caller may act on.
 *
 * @throws ApiError 403 to who may not, whether or not the record exists; 404 to who may, when it does not.
 */
export async function authorizedRecord<T>(
  { policy }: AuthContext,
  identity: Identity,
  found: Stored<T> | undefined,
  options: AccessOptions<T>,
): Promise<Stored<T>> {
  policy.authorize(options.action, identity, found ? options.targetOf(found.record) : {});
  if (!found) throw notFound(options.kind, options.id);
  return found;
}

/**
 * Refuses to change or remove a resource that is marked `immutable`; the change that takes the mark away is let through.
 *
 * @throws ApiError 403.
 */
export function assertMutable(
  kind: ResourceKind,
  record: { id: string; options: Extra },
  changedOptions?: Extra,
): void {
  if (record.options['immutable'] !== true) return;
  if (changedOptions && changedOptions['immutable'] !== true && 'immutable' in changedOptions) return;
  throw refused(`Cannot change or delete the immutable ${kind} ${record.id}.`);
}

/** Options after an update: null takes one back. */
export function mergedOptions(before: Extra, changes: Extra | undefined): Extra {
  return Object.fromEntries(Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null));
}

/** @throws ApiError 400 where an update would change what a resource keeps for its life. */
export function assertSame(field: string, asked: unknown, stored: unknown): void {
  if (asked !== undefined && asked !== stored) throw badRequest(`Cannot change ${field}.`);
}
