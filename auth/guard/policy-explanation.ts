import type { Identity, PolicyTarget } from './contract.ts';
import { evaluatePolicyRule, type PolicyRule, policyRuleText } from './policy-rule.ts';

/** Why a rule allows or refuses: its text, its verdict, and those of its parts. */
export interface Explanation {
  text: string;
  allowed: boolean;
  parts: readonly Explanation[];
}

interface ExplanationContext {
  identity: Identity;
  target: PolicyTarget;
  ruleOf(name: string): PolicyRule;
}

/** Decides a rule as `evaluatePolicyRule` does, part by part. All parts are decided, also those that no longer matter. */
export function explainPolicyRule(rule: PolicyRule, context: ExplanationContext): Explanation {
  const { identity, target, ruleOf } = context;
  const decide = (name: string): boolean => evaluatePolicyRule(ruleOf(name), { identity, target, decide });
  return {
    text: policyRuleText(rule),
    allowed: evaluatePolicyRule(rule, { identity, target, decide }),
    parts: partsOf(rule, ruleOf).map((part) => explainPolicyRule(part, context)),
  };
}

function partsOf(rule: PolicyRule, ruleOf: (name: string) => PolicyRule): readonly PolicyRule[] {
  if (rule.kind === 'rule') return [ruleOf(rule.name)];
  if (rule.kind === 'not') return [rule.operand];
  return rule.kind === 'all' || rule.kind === 'any' ? rule.operands : [];
}

/** One line per part: `+` where it allows, `-` where it does not, deeper ones further in. */
export function explanationLines({ text, allowed, parts }: Explanation, depth = 0): string[] {
  const line = `${'  '.repeat(depth)}${allowed ? '+' : '-'} ${text}`;
  return [line, ...parts.flatMap((part) => explanationLines(part, depth + 1))];
}
