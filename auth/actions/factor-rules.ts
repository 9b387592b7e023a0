import type { UserRecord } from '../store/records.ts';
import type { AuthMethod } from '../tokens/packing.ts';

/**
 * Whether the proofs are as many as a user's rules ask for: all of any one rule. Rules that name no method that there is ask for
 * nothing; a user with no other rule logs in as if there were none.
 *
 * Spec: Identity API v3, user option `multi_factor_auth_rules`.
 */
export function factorsSuffice(user: UserRecord, methods: readonly AuthMethod[]): boolean {
  const rules = rulesOf(user);
  return rules.length === 0 || rules.some((rule) => rule.every((each) => methods.includes(each)));
}

/** The rules that what has been proved is a part of: what a client may go on with. */
export function requiredMethods(user: UserRecord, methods: readonly AuthMethod[]): AuthMethod[][] {
  return rulesOf(user).filter((rule) => rule.some((each) => methods.includes(each)));
}

/** The methods that there are, of every rule that names any; none where a user's rules are switched off. */
function rulesOf({ options }: UserRecord): AuthMethod[][] {
  const rules = options['multi_factor_auth_rules'];
  if (options['multi_factor_auth_enabled'] === false || !Array.isArray(rules)) return [];
  return (rules as string[][]).map((rule) => rule.filter(isKnown)).filter((rule) => rule.length > 0);
}

const KNOWN: ReadonlySet<string> = new Set<AuthMethod>(['password', 'token', 'totp', 'application_credential']);

function isKnown(method: string): method is AuthMethod {
  return KNOWN.has(method);
}
