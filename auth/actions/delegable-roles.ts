import type { Identity } from '../guard/contract.ts';
import type { RoleReference } from '../schemas.ts';

/**
 * Roles of the caller's token that are to be delegated: nobody delegates what the token at hand does not carry.
 *
 * @param references undefined for all of them.
 * @returns their ids, each once; undefined where one is not the caller's.
 */
export function delegableRoles(
  identity: Identity,
  references: readonly RoleReference[] | undefined,
): string[] | undefined {
  if (references === undefined) return identity.roles.map(({ id }) => id);
  const ids = new Set<string>();
  for (const { id, name } of references) {
    const role = identity.roles.find((each) => (id === undefined ? each.name === name : each.id === id));
    if (!role) return undefined;
    ids.add(role.id);
  }
  return [...ids];
}
