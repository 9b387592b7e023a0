import { ApiError, InvariantError, StartError } from '../../common/errors.ts';
import type { Identity, Policy, PolicyTarget } from './contract.ts';
import { evaluatePolicyRule, type PolicyRule, PolicyRuleError, parsePolicyRule, referencesOf } from './policy-rule.ts';

/** Longest chain of `rule:` references. */
const MOST_REFERENCES_DEEP = 32;

/**
 * The rules of one service.
 *
 * @param defaults rule texts by name: actions (`volume:create`) and the rules they share (`owner`).
 * @param overrides the operator's own texts; they replace defaults of the same name, and may add rules to refer to.
 * @throws StartError naming the rule that cannot be parsed, refers to a rule that does not exist, or to itself.
 */
export function createPolicy(defaults: Record<string, string>, overrides: Record<string, string> = {}): Policy {
  const rules = new Map<string, PolicyRule>();
  for (const [name, text] of Object.entries({ ...defaults, ...overrides })) rules.set(name, parse(name, text));
  for (const name of rules.keys()) assertResolves(name, rules, []);

  const decide = (name: string, identity: Identity, target: PolicyTarget): boolean => {
    const rule = rules.get(name);
    if (!rule) throw new InvariantError(`no policy rule is named ${name}`);
    return evaluatePolicyRule(rule, { identity, target, decide: (other) => decide(other, identity, target) });
  };
  const allows = (action: string, identity: Identity, target: PolicyTarget = {}): boolean =>
    decide(action, identity, target);
  return {
    allows,
    authorize(action, identity, target) {
      if (!allows(action, identity, target)) throw forbidden(action);
    },
  };
}

/** The refusal of an action. It does not say which rule failed: that would tell of records that the caller may not see. */
function forbidden(action: string): ApiError {
  return new ApiError({
    status: 403,
    code: 'Forbidden',
    message: `Policy doesn't allow ${action} to be performed.`,
    details: { action },
  });
}

function parse(name: string, text: string): PolicyRule {
  try {
    return parsePolicyRule(text);
  } catch (error) {
    if (!(error instanceof PolicyRuleError)) throw error;
    throw new StartError(`policy rule "${name}": ${error.message}`, 78, error);
  }
}

function assertResolves(name: string, rules: ReadonlyMap<string, PolicyRule>, path: readonly string[]): void {
  const rule = rules.get(name);
  if (!rule) throw new StartError(`policy rule "${path.at(-1)}" refers to "${name}", which does not exist`, 78);
  if (path.includes(name)) throw new StartError(`policy rule "${name}" refers to itself`, 78);
  if (path.length > MOST_REFERENCES_DEEP) throw new StartError(`policy rule "${path[0]}" refers too deep`, 78);
  for (const reference of referencesOf(rule)) assertResolves(reference, rules, [...path, name]);
}
