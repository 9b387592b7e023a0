import type { Identity } from '../../../auth/guard/contract.ts';

const DEFAULT_DOMAIN = { id: 'default', name: 'Default' };

/** An identity for tests: a member of project p1, unless told otherwise. */
export function identityOf(parts: Partial<Identity> & { roleNames?: string[] } = {}): Identity {
  const { roleNames = ['member'], ...rest } = parts;
  return {
    user: { id: 'u1', name: 'someone', domain: DEFAULT_DOMAIN },
    scope: { kind: 'project', project: { id: 'p1', name: 'one', domain: DEFAULT_DOMAIN } },
    roles: roleNames.map((name) => ({ id: `id-of-${name}`, name })),
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    auditIds: ['audit'],
    ...rest,
  };
}
