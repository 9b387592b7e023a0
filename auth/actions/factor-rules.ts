import type { UserRecord } from '../store/records.ts';
import type { AuthMethod } from '../tokens/payload.ts';

/**
 * Whether the proofs are as many as a user's rules ask for: all of any one rule. Rules that name no method that there is ask for
 * nothing; a user with no other rule logs in as if there were none.
 *
 * Spec: Identity API v3, user option `multi_factor_auth_rules`.
 */
export function factorsSuffice({ options }: UserRecord, methods: readonly AuthMethod[]): boolean {
  const rules = options['multi_factor_auth_rules'];
  if (options['multi_factor_auth_enabled'] === false || !Array.isArray(rules)) return true;
  const usable = (rules as string[][])
    .map((rule) => rule.filter((each) => KNOWN.has(each)))
    .filter((rule) => rule.length > 0);
  return usable.length === 0 || usable.some((rule) => rule.every((each) => methods.includes(each as AuthMethod)));
}

const KNOWN: ReadonlySet<string> = new Set<AuthMethod>(['password', 'token', 'totp']);
