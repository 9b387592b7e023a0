import { ApiError } from '../../common/errors.ts';
import type { Identity } from './contract.ts';

/**
 * The project a token is for.
 *
 * @throws ApiError 403 for a token of another scope, or of none: the request needs a project.
 */
export function projectIdOf(identity: Identity): string {
  if (identity.scope.kind === 'project') return identity.scope.project.id;
  throw new ApiError({
    status: 403,
    code: 'ProjectScopeRequired',
    message: 'This request needs a token that is scoped to a project.',
  });
}

/** Whether a role is held, by name; OpenStack compares role names without regard to case. */
export function hasRole(identity: Identity | undefined, name: string): boolean {
  return identity?.roles.some((role) => role.name.toLowerCase() === name.toLowerCase()) ?? false;
}
