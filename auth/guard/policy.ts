import { ApiError, InvariantError, StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { Identity, Policy, PolicyTarget } from './contract.ts';
import type { Explanation } from './policy-explanation.ts';
import { explainPolicyRule } from './policy-explanation.ts';
import { evaluatePolicyRule, type PolicyRule, PolicyRuleError, parsePolicyRule, referencesOf } from './policy-rule.ts';

/** Longest chain of `rule:` references. */
const MOST_REFERENCES_DEEP = 32;

type Texts = Readonly<Record<string, string>>;

/** The operator's own rules, which may change while the program runs. */
export interface PolicyOverrides {
  current(): Texts;
  /** Called after a change. What a listener throws is the source's to report; the rules of before stay. */
  onChange(listener: () => void): void;
}

/** A policy that can say why. */
export interface ExplainingPolicy extends Policy {
  /** The actions that there are, and the text of each rule as it is now. */
  rules(): ReadonlyMap<string, string>;
  explain(action: string, identity: Identity, target: PolicyTarget): Explanation;
}

/**
 * The rules of one service.
 *
 * @param defaults rule texts by name: actions (`volume:create`) and the rules they share (`owner`).
 * @param overrides the operator's own texts, of all services: those of names that this one has replace them, others count where
 *   they are referred to.
 * @throws StartError naming the rule that cannot be parsed, refers to a rule that does not exist, or to itself.
 */
export function createPolicy(defaults: Texts, overrides: Texts | PolicyOverrides = {}): ExplainingPolicy {
  const source = isSource(overrides) ? overrides : undefined;
  const textsNow = () => merge(defaults, isSource(overrides) ? overrides.current() : overrides);
  let texts = textsNow();
  let rules = compile(texts);
  source?.onChange(() => {
    const changed = textsNow();
    rules = compile(changed);
    texts = changed;
  });

  const ruleOf = (name: string): PolicyRule => {
    const rule = rules.get(name);
    if (!rule) throw new InvariantError(`no policy rule is named ${name}`);
    return rule;
  };
  const decide = (name: string, identity: Identity, target: PolicyTarget): boolean =>
    evaluatePolicyRule(ruleOf(name), { identity, target, decide: (other) => decide(other, identity, target) });
  const allows = (action: string, identity: Identity, target: PolicyTarget = {}): boolean =>
    decide(action, identity, target);
  return {
    allows,
    authorize(action, identity, target) {
      if (!allows(action, identity, target)) throw forbidden(action);
    },
    rules: () => texts,
    explain: (action, identity, target) =>
      explainPolicyRule({ kind: 'rule', name: action }, { identity, target, ruleOf }),
  };
}

function isSource(overrides: Texts | PolicyOverrides): overrides is PolicyOverrides {
  return typeof overrides['onChange'] === 'function';
}

/** The defaults with what replaces them, and what that refers to. */
function merge(defaults: Texts, overrides: Texts): Map<string, string> {
  const texts = new Map(Object.entries(defaults));
  const added: string[] = [];
  for (const name of texts.keys()) {
    const text = Object.hasOwn(overrides, name) ? overrides[name] : undefined;
    if (text === undefined) continue;
    texts.set(name, text);
    added.push(name);
  }
  for (const name of added) {
    for (const reference of referencesOf(parse(name, texts.get(name) ?? ''))) {
      const text = Object.hasOwn(overrides, reference) ? overrides[reference] : undefined;
      if (texts.has(reference) || text === undefined) continue;
      texts.set(reference, text);
      added.push(reference);
    }
  }
  return texts;
}

function compile(texts: ReadonlyMap<string, string>): Map<string, PolicyRule> {
  const rules = new Map<string, PolicyRule>();
  for (const [name, text] of texts) rules.set(name, parse(name, text));
  for (const name of rules.keys()) assertResolves(name, rules, []);
  return rules;
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
    throw new StartError(`policy rule "${name}": ${error.message}`, EX_CONFIG, error);
  }
}

function assertResolves(name: string, rules: ReadonlyMap<string, PolicyRule>, path: readonly string[]): void {
  const rule = rules.get(name);
  if (!rule) throw new StartError(`policy rule "${path.at(-1)}" refers to "${name}", which does not exist`, EX_CONFIG);
  if (path.includes(name)) throw new StartError(`policy rule "${name}" refers to itself`, EX_CONFIG);
  if (path.length > MOST_REFERENCES_DEEP) throw new StartError(`policy rule "${path[0]}" refers too deep`, EX_CONFIG);
  for (const reference of referencesOf(rule)) assertResolves(reference, rules, [...path, name]);
}
