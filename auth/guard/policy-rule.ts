import type { Identity, PolicyTarget } from './contract.ts';

/** Longest text of one rule, in characters. */
const MOST_RULE_LENGTH = 8192;
/** Deepest nesting of parentheses and `not` in one rule. */
const MOST_NESTING = 64;

/** Text with places to fill in from the target: `%(project_id)s` is `{ key: 'project_id' }`. */
type Template = readonly (string | { key: string })[];

/** One parsed rule of the policy language. */
export type PolicyRule =
  | { kind: 'always' }
  | { kind: 'never' }
  | { kind: 'not'; operand: PolicyRule }
  | { kind: 'all' | 'any'; operands: readonly PolicyRule[] }
  | { kind: 'role'; name: Template }
  | { kind: 'rule'; name: string }
  | { kind: 'attribute'; name: string; value: Template }
  | { kind: 'literal'; literal: string; value: Template }
  | { kind: 'null'; value: Template };

/** A rule's text that is not of the language: a mistake in a file or in our defaults, never in a request. */
export class PolicyRuleError extends Error {
  override readonly name = 'PolicyRuleError';
}

/**
 * Parses one rule: checks (`role:admin`, `rule:owner`, `user_id:%(user_id)s`, `'text':%(key)s`, `None:%(key)s`, `@`, `!`)
 * joined by `and`, `or`, `not` and parentheses. `not` binds tighter than `and`, `and` tighter than `or`; empty text allows.
 *
 * @throws PolicyRuleError for any other text, and for `http:` checks: no rule of ours asks another machine.
 * Spec: oslo.policy, "Policy Rule Expressions".
 */
export function parsePolicyRule(text: string): PolicyRule {
  if (text.length > MOST_RULE_LENGTH) throw new PolicyRuleError(`a rule of ${text.length} characters`);
  const parser = new Parser(tokensOf(text));
  return parser.parse();
}

class Parser {
  private readonly tokens: readonly string[];
  private position = 0;
  private nesting = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  parse(): PolicyRule {
    if (this.tokens.length === 0) return { kind: 'always' };
    const rule = this.any();
    const rest = this.tokens[this.position];
    if (rest !== undefined) throw new PolicyRuleError(`"${rest}" where "and", "or" or the end was expected`);
    return rule;
  }

  private any(): PolicyRule {
    return this.joined('or', 'any', () => this.all());
  }

  private all(): PolicyRule {
    return this.joined('and', 'all', () => this.unary());
  }

  private joined(word: string, kind: 'any' | 'all', next: () => PolicyRule): PolicyRule {
    const first = next();
    const operands = [first];
    while (this.accepts(word)) operands.push(next());
    return operands.length === 1 ? first : { kind, operands };
  }

  private unary(): PolicyRule {
    this.nesting += 1;
    if (this.nesting > MOST_NESTING) throw new PolicyRuleError(`more than ${MOST_NESTING} levels of nesting`);
    try {
      if (this.accepts('not')) return { kind: 'not', operand: this.unary() };
      if (this.accepts('(')) {
        const rule = this.any();
        if (!this.accepts(')')) throw new PolicyRuleError('a parenthesis is not closed');
        return rule;
      }
      return this.check();
    } finally {
      this.nesting -= 1;
    }
  }

  private check(): PolicyRule {
    const token = this.tokens[this.position];
    if (token === undefined) throw new PolicyRuleError('a check is missing at the end');
    if ([')', 'and', 'or'].includes(token.toLowerCase()))
      throw new PolicyRuleError(`"${token}" where a check was expected`);
    this.position += 1;
    return parseCheck(token);
  }

  private accepts(word: string): boolean {
    if (this.tokens[this.position]?.toLowerCase() !== word) return false;
    this.position += 1;
    return true;
  }
}

/** Words, with parentheses as tokens of their own unless they belong to a `%(key)s`. */
function tokensOf(text: string): string[] {
  return text.match(/\(|\)|(?:%\([^()\s]*\)s|'[^']*'|"[^"]*"|[^\s()'"])+|['"]/g) ?? [];
}

function parseCheck(token: string): PolicyRule {
  if (token === '@') return { kind: 'always' };
  if (token === '!') return { kind: 'never' };
  const match = /^('[^']*'|"[^"]*"|[^:'"]+):(.+)$/s.exec(token);
  if (!match?.[1] || !match[2]) throw new PolicyRuleError(`"${token}" is no check: it must be "kind:match"`);
  const [, left, right] = match;
  if (left === 'http' || left === 'https') throw new PolicyRuleError('http checks are not supported');
  if (left === 'rule') return { kind: 'rule', name: right };
  const value = parseTemplate(right);
  if (left === 'role') return { kind: 'role', name: value };
  if (left === 'None') return { kind: 'null', value };
  const literal = literalOf(left);
  return literal === undefined ? { kind: 'attribute', name: left, value } : { kind: 'literal', literal, value };
}

function literalOf(left: string): string | undefined {
  if (/^['"]/.test(left)) return left.slice(1, -1);
  return left === 'True' || left === 'False' || /^-?\d+(\.\d+)?$/.test(left) ? left : undefined;
}

function parseTemplate(text: string): Template {
  const parts = text.split(/%\(([^()\s]*)\)s/);
  const template = parts.map((part, index) => (index % 2 === 1 ? { key: part } : part)).filter((part) => part !== '');
  for (const part of template) {
    if (typeof part === 'string' && part.includes('%'))
      throw new PolicyRuleError(`"${text}" has a "%" that is no "%(key)s"`);
  }
  return template;
}

export interface RuleContext {
  identity: Identity;
  target: PolicyTarget;
  /** Decides `rule:name`. */
  decide(name: string): boolean;
}

/**
 * Whether a rule allows. An attribute or a target value that is null or missing equals nothing, not even another missing one;
 * only the literal `None` asks whether a record holds null.
 */
export function evaluatePolicyRule(rule: PolicyRule, context: RuleContext): boolean {
  switch (rule.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'not':
      return !evaluatePolicyRule(rule.operand, context);
    case 'all':
      return rule.operands.every((operand) => evaluatePolicyRule(operand, context));
    case 'any':
      return rule.operands.some((operand) => evaluatePolicyRule(operand, context));
    case 'rule':
      return context.decide(rule.name);
    case 'role':
      return hasRoleNamed(context.identity, filled(rule.name, context.target));
    case 'null':
      return rule.value.length === 1 && targetValueOf(rule.value[0], context.target) === null;
    case 'literal':
      return filled(rule.value, context.target) === rule.literal;
    case 'attribute': {
      const held = attributeOf(context.identity, rule.name);
      return held !== undefined && held === filled(rule.value, context.target);
    }
  }
}

/** A rule in words of the language, as it would be parsed again. */
export function policyRuleText(rule: PolicyRule): string {
  switch (rule.kind) {
    case 'always':
      return '@';
    case 'never':
      return '!';
    case 'not':
      return `not ${bracketed(rule.operand)}`;
    case 'all':
    case 'any':
      return rule.operands.map(bracketed).join(rule.kind === 'all' ? ' and ' : ' or ');
    case 'rule':
      return `rule:${rule.name}`;
    case 'role':
      return `role:${templateText(rule.name)}`;
    case 'null':
      return `None:${templateText(rule.value)}`;
    case 'literal':
      return `'${rule.literal}':${templateText(rule.value)}`;
    case 'attribute':
      return `${rule.name}:${templateText(rule.value)}`;
  }
}

function bracketed(rule: PolicyRule): string {
  return rule.kind === 'all' || rule.kind === 'any' ? `(${policyRuleText(rule)})` : policyRuleText(rule);
}

function templateText(template: Template): string {
  return template.map((part) => (typeof part === 'string' ? part : `%(${part.key})s`)).join('');
}

/** Names of the rules that a rule refers to. */
export function referencesOf(rule: PolicyRule): string[] {
  if (rule.kind === 'rule') return [rule.name];
  if (rule.kind === 'not') return referencesOf(rule.operand);
  return rule.kind === 'all' || rule.kind === 'any' ? rule.operands.flatMap(referencesOf) : [];
}

function hasRoleNamed(identity: Identity, name: string | undefined): boolean {
  const wanted = name?.toLowerCase();
  return wanted !== undefined && identity.roles.some((role) => role.name.toLowerCase() === wanted);
}

/** The template's text, or undefined where a value it needs is null or missing. */
function filled(template: Template, target: PolicyTarget): string | undefined {
  let text = '';
  for (const part of template) {
    const value = targetValueOf(part, target);
    if (value === null || value === undefined) return undefined;
    text += value;
  }
  return text;
}

/** `%(target.project_id)s` and `%(project_id)s` name the same value: every target here is a stored record's. */
function targetValueOf(part: Template[number] | undefined, target: PolicyTarget): string | null | undefined {
  if (part === undefined || typeof part === 'string') return part;
  const key = part.key.startsWith('target.') ? part.key.slice('target.'.length) : part.key;
  return Object.hasOwn(target, key) ? target[key] : undefined;
}

/** What a rule may read of the caller. Spec: oslo.context, `to_policy_values`; Keystone, the token as its rules name it. */
function attributeOf(identity: Identity, name: string): string | undefined {
  const { user, scope } = identity;
  switch (name) {
    case 'user_id':
    case 'user':
    case 'token.user.id':
      return user.id;
    case 'user_domain_id':
    case 'token.user.domain.id':
      return user.domain.id;
    case 'project_id':
    case 'tenant_id':
    case 'tenant':
    case 'token.project.id':
      return scope.kind === 'project' ? scope.project.id : undefined;
    case 'project_domain_id':
    case 'token.project.domain.id':
      return scope.kind === 'project' ? scope.project.domain.id : undefined;
    case 'domain_id':
    case 'token.domain.id':
      return scope.kind === 'domain' ? scope.domain.id : undefined;
    case 'system_scope':
      return scope.kind === 'system' ? 'all' : undefined;
    case 'is_admin':
      return hasRoleNamed(identity, 'admin') ? 'True' : 'False';
    case 'is_admin_project':
      // As in Keystone where no project is named to be the one for administrators.
      return 'True';
    default:
      return undefined;
  }
}
